"""The recorded machines: real roots, real menus, healthy and broken; the gates hold for the paper of each."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from bootkeep.facts.codec import from_json
from bootkeep.facts.paper import LastTransaction, PackageInHand, PaperFacts, PartitionTable
from bootkeep.facts.reading import Readings
from bootkeep.flows.check import CheckResult, check_readings
from bootkeep.flows.runbook import make_runbook, render_runbook
from bootkeep.remedies import remedy_for
from bootkeep.remedies.layout import layout_of
from unit.runbook.gates import check_all, check_pdf, pages_of
from unit.runbook.machines import AT, POLICY

MACHINES = Path(__file__).parents[2] / "machines"
NAMES = sorted(path.parent.name for path in MACHINES.glob("*/readings.json"))


#: As much of what only the page needs as a host with two disks has.
PAPER = PaperFacts(
    tuple(
        PartitionTable(
            disk,
            (
                "label: gpt",
                "label-id: 5B1C7A52-0F0C-4C52-9B0A-3F8D1E2A4C66",
                "first-lba: 34",
                *(
                    f"{number} : start=2048, size=20480, type=21686148-6449-6E6F-744E-656564454649, "
                    "uuid=A3E6F04F-843A-4C45-8E2A-6F4CB2F5FD02"
                    for number in (1, 2, 3)
                ),
            ),
        )
        for disk in ("S1", "S2")
    ),
    tuple(
        PackageInHand(f"/var/cache/apt/archives/linux-image-6.1.0-{abi}-amd64_6.1.1_amd64.deb", 70_000_000, "ab" * 32)
        for abi in range(50, 55)
    ),
    LastTransaction("x", AT, "done", "apt-get upgrade", tuple(f"package{n} 1.2.3-4 -> 1.2.3-5" for n in range(10))),
)


def looked_at(name: str) -> CheckResult:
    readings = from_json(Readings, (MACHINES / name / "readings.json").read_bytes(), where=name)
    return check_readings(readings, POLICY, taken_at=AT)


@pytest.mark.parametrize("name", NAMES)
def test_the_gates_hold(name: str) -> None:
    result = looked_at(name)
    runbook = make_runbook(result, POLICY, generated_at=AT, paper=PAPER)
    check_all(runbook, result.state)
    assert render_runbook(runbook, "text").isascii()
    # Letter is the shorter sheet; A4 is counted for the table of docs/reference/stacks.md.
    pages = pages_of(render_runbook(runbook, "pdf", paper="letter"))
    check_pdf(runbook, pages)
    assert len(pages) <= 12
    begins, ends = ([words in page for page in pages] for words in ("Log sheet", "What was wrong with this paper"))
    assert begins[-1] and ends == [False] * (len(pages) - 1) + [True], "the log sheet is torn over two pages"


#: Stacks whose page is kept, beside the composed ones of test_compose.py: a change of theirs is looked at before it is printed.
KEPT = (
    "dracut",
    "luks2-root",
    "lvm",
    "lvm-on-mirror",
    "multipath",
    "plain-gpt",
    "raid5",
    "raid6",
    "secure-boot",
    "xfs",
)


@pytest.mark.parametrize("stack", KEPT)
def test_the_text_is_the_golden_one(stack: str) -> None:
    """A changed page is looked at before it is printed: BOOTKEEP_GOLDEN=write renews the files."""
    text = render_runbook(make_runbook(looked_at(f"healthy-{stack}"), POLICY, generated_at=AT), "text").decode()
    path = Path(__file__).parent / "golden" / f"recorded-{stack}.txt"
    if os.environ.get("BOOTKEEP_GOLDEN") == "write":
        path.write_text(text, "ascii")
    assert text == path.read_text("ascii")


@pytest.mark.parametrize("name", NAMES)
def test_its_root_is_mounted_by_its_own_uuid(name: str) -> None:
    """Nothing of a whole Debian machine has to be read from the screen."""
    result = looked_at(name)
    root = layout_of(result.state).root
    assert root is not None
    text = render_runbook(make_runbook(result, POLICY, generated_at=AT), "text").decode()
    option = f"-o subvol=/{root.subvolume} " if root.subvolume else ""
    assert f"mount {option}{root.source} /mnt/target" in re.sub(r" \\\n\s+", " ", text)
    by_name = "/dev/" + "/".join(root.device.name.split("-")) if root.device else ""
    assert root.source == (by_name if "LVM" in root.stack else f"UUID={root.uuid}")
    assert root.uuid or "LVM" in root.stack
    assert not root.uuid or "READ THIS FROM THE SCREEN: UUID" not in text


@pytest.mark.parametrize("name", NAMES)
def test_every_finding_has_its_remedy_with_something_to_type(name: str) -> None:
    result = looked_at(name)
    for finding in result.verdict.findings:
        if finding.remedy:
            remedy = remedy_for(finding, result.state)
            assert remedy is not None, finding.remedy
            assert any(step.command for step in remedy.live), finding


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("healthy-")])
def test_a_healthy_machine_has_a_kernel_to_go_back_to(name: str) -> None:
    text = render_runbook(make_runbook(looked_at(name), POLICY, generated_at=AT), "text").decode()
    assert re.search(r"Last known good +(?:6[.]1|5[.]14|4[.]18)[.][0-9]+-", text)
    assert re.search(r"set k=(?:6[.]1|5[.]14|4[.]18)[.][0-9]+-", text)
