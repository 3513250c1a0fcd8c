"""The tables of docs/reference/stacks.md: every recorded machine with what is found on it, every class with its machines.

python3 tests/machines/table.py             both tables
python3 tests/machines/table.py machines    one of them: machines, broken, meant, classes
"""

from __future__ import annotations

import io
import json
import re
import sys
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "toolkit"), str(HERE.parent)]

import pypdf  # noqa: E402

from bootkeep.facts.codec import from_json  # noqa: E402
from bootkeep.facts.policy import Policy  # noqa: E402
from bootkeep.facts.reading import Readings  # noqa: E402
from bootkeep.flows.check import CheckResult, check_readings  # noqa: E402
from bootkeep.flows.runbook import make_runbook, render_runbook  # noqa: E402
from bootkeep.rules.judge import ALL_RULES  # noqa: E402
from machines._vm.stories import STACKS  # noqa: E402
from machines.meant import MEANT  # noqa: E402
from machines.story import MACHINES  # noqa: E402

AT = "2026-11-23T18:00:00Z"
#: Recorded by scripts of their own, in machines that were booted by their own firmware and GRUB.
BOOTED = {"healthy-lvm-on-luks": "lvm on luks", "healthy-mirror-two-esps": "mirror, two ESPs"}
#: Findings that no folder can show, and what shows them.
ELSEWHERE = {
    "boot-file-system-unreadable": "before a reboot only: tests/lab/test_fix.py, tests/unit/rules/test_readback_rules.py",
    "loader-readback-differs": "before a reboot only: tests/lab/test_fix.py, tests/unit/rules/test_readback_rules.py",
}


def names() -> list[str]:
    """Every folder, healthy ones first."""
    found = sorted(path.parent.name for path in HERE.glob("*/readings.json"))
    return sorted(found, key=lambda name: not name.startswith("healthy-"))


def _derived_from(name: str) -> str:
    """The machine whose readings were edited; empty for one that was recorded."""
    match = re.search(r"^Derived from `([^`]+)`", (HERE / name / "README.md").read_text(), re.MULTILINE)
    return match[1] if match else ""


def made(name: str) -> str:
    """How a machine was recorded: ``booted``, ``uml``, ``chroot``, or ``derived``."""
    if _derived_from(name):
        return "derived"
    if name in MACHINES:
        return "chroot"
    for key, stack in STACKS.items():
        if name in (key, f"healthy-{key}", f"rescue-{key}", *(each.name for each in stack.breaks)):
            return "booted" if stack.booted else "uml"
    if name in BOOTED:
        return "booted"
    raise KeyError(f"nobody knows how {name} was made")


def base(name: str) -> str:
    """The healthy machine that a broken one comes from."""
    if derived := _derived_from(name):
        return derived
    if name in MACHINES:
        return {"boot": "healthy-separate-boot", "uefi": "healthy-uefi"}.get(MACHINES[name].layout, "healthy-bios")
    for key, stack in STACKS.items():
        if name in (each.name for each in stack.breaks):
            healthy = f"healthy-{key}"
            return healthy if (HERE / healthy).is_dir() else key  # some stacks are not healthy as Debian makes them
    return name


def story(name: str) -> str:
    """The first sentences of its README."""
    return (HERE / name / "README.md").read_text().split("\n\n")[1].replace("\n", " ")


@cache
def result(name: str) -> CheckResult:
    """The machine, judged."""
    readings = from_json(Readings, (HERE / name / "readings.json").read_bytes(), where=name)
    return check_readings(readings, Policy(), taken_at=AT)


def pages(name: str) -> int:
    """Pages of its runbook on A4."""
    printed = render_runbook(make_runbook(result(name), Policy(), generated_at=AT), "pdf", paper="a4")
    return len(pypdf.PdfReader(io.BytesIO(printed)).pages)


def _findings(name: str) -> str:
    found = dict.fromkeys(f"{f.id} ({f.severity.value})" for f in result(name).verdict.findings)
    return "; ".join(found) or "none"


def _row(*cells: object) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def _as_made(name: str) -> bool:
    return name.startswith(("healthy-", "rescue-")) or name in STACKS


def machines_table() -> list[str]:
    """Machines as they were made: nothing was done to them."""
    rows = ["| machine | stack | recorded | verdict | findings | pages |", "|---|---|---|---|---|---|"]
    for name in names():
        if made(name) != "derived" and _as_made(name):
            rows.append(
                _row(name, story(name), made(name), result(name).verdict.judgement.value, _findings(name), pages(name))
            )
    return rows


def broken_table() -> list[str]:
    """Machines that were broken by doing it."""
    rows = ["| machine | what was done | on | recorded | verdict | findings |", "|---|---|---|---|---|---|"]
    for name in names():
        if made(name) != "derived" and not _as_made(name):
            verdict = result(name).verdict.judgement.value
            rows.append(
                _row(name, _done(name), base(name).removeprefix("healthy-"), made(name), verdict, _findings(name))
            )
    return rows


def meant_table() -> list[str]:
    """Every machine that is not healthy: what it was broken for, and what follows from that. Nothing else is found on any."""
    rows = [
        "| machine | recorded | verdict | class | finding | what follows from it, and why |",
        "|---|---|---|---|---|---|",
    ]
    classes = {rule.id: rule.boot_class for rule in ALL_RULES}
    for name in names():
        if name.startswith("healthy-"):
            continue
        meant = MEANT[name]
        found = {finding.id for finding in result(name).verdict.findings}
        strange = "".join(f"**{each}: not meant** " for each in sorted(found ^ meant.ids))
        follows = "; ".join(f"{each}: {why.rstrip('.')}" for each, why in meant.consequences)
        verdict = result(name).verdict.judgement.value
        rows.append(_row(name, made(name), verdict, classes[meant.finding], meant.finding, strange + follows))
    return rows


def _done(name: str) -> str:
    for stack in STACKS.values():
        for each in stack.breaks:
            if each.name == name:
                return each.story
    return story(name)


def classes_table() -> list[str]:
    """Every rule: machines on which it speaks, best recorded first, and the healthy ones beside them on which it is silent."""
    order = ("booted", "uml", "chroot", "derived")
    rows = ["| class | finding | broken | healthy beside it |", "|---|---|---|---|"]
    for rule in sorted(ALL_RULES, key=lambda each: (each.boot_class, each.id)):
        heard = [
            name for name in names() if not name.startswith(("healthy-", "rescue-")) and rule.id in _expected(name)
        ]
        heard.sort(key=lambda name: order.index(made(name)))
        best = [f"{name} ({made(name)})" for name in heard[:3]]
        beside = dict.fromkeys(base(name) for name in heard[:3])
        rows.append(
            _row(
                rule.boot_class,
                rule.id,
                ", ".join(best) or ELSEWHERE.get(rule.id, "unit tests only"),
                ", ".join(beside) or "all",
            )
        )
    return rows


def _expected(name: str) -> set[str]:
    """Findings, without what could not be judged; but the loader that is not covered is just that."""
    found = json.loads((HERE / name / "expected.json").read_text())["findings"]
    return {each["id"] for each in found if each["severity"] != "unknown" or each["id"] == "boot-loader-not-covered"}


def stacks_page() -> str:
    """The reference page."""
    all_names = names()
    kinds = [made(name) for name in all_names]
    healthy = [name for name in all_names if name.startswith("healthy-")]
    alarms = [name for name in healthy if result(name).verdict.findings]
    lines = [
        "# Recorded machines",
        "",
        "<!-- Generated by `make docs` from tests/machines. -->",
        "",
        f"{len(all_names)} machines: {kinds.count('booted')} booted in QEMU by their own firmware and boot loader,",
        f"{kinds.count('uml')} in User-mode Linux (a real kernel with real device mapper, md and file systems; release, firmware",
        f"and PCI drivers composed), {kinds.count('chroot')} in a chroot on a partitioned loop disk,",
        f"{kinds.count('derived')} derived from one of these by an edit of single readings. Each",
        "folder of `tests/machines` says how it was made and what of it was composed. All are Debian 12: no Ubuntu has been",
        "recorded yet. What is Ubuntu's own (recordfail, its kernels' names) is tested on texts, not on a machine.",
        "",
        f"Healthy machines with any finding, advice and UNKNOWN counted too: {len(alarms)} of {len(healthy)}.",
        "",
        "These tables in a terminal: `python3 tests/machines/table.py [machines|broken|meant|classes]`.",
        "",
        "## As they were made",
        "",
        *machines_table(),
        "",
        "## Broken by doing it",
        "",
        *broken_table(),
        "",
        "## What was meant, and what was found",
        "",
        "Each machine that is not healthy shows its own class, what follows from it, and nothing else: test_machines.py compares.",
        "",
        *meant_table(),
        "",
        "## Classes",
        "",
        "At most three machines a finding; *derived* ones only where no recording has it.",
        "",
        *classes_table(),
    ]
    return "\n".join(lines) + "\n"


def main(which: list[str]) -> None:
    """Print the tables."""
    tables = {"machines": machines_table, "broken": broken_table, "meant": meant_table, "classes": classes_table}
    for name in which or list(tables):
        print("\n".join(tables[name]()), end="\n\n")


if __name__ == "__main__":
    main(sys.argv[1:])
