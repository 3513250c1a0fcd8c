"""What of a remedy a program may run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bootkeep.facts.codec import from_json
from bootkeep.facts.finding import Severity
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Readings
from bootkeep.facts.remedy import Place, Step
from bootkeep.flows.check import CheckResult, check_readings
from bootkeep.flows.fix_plan import _planned, plan_fix
from bootkeep.remedies.common import SAVED

MACHINES = Path(__file__).parents[2] / "machines"
FOLDERS = sorted(path.parent for path in MACHINES.glob("*/readings.json"))


def result_of(name: str) -> CheckResult:
    path = MACHINES / name / "readings.json"
    return check_readings(from_json(Readings, path.read_bytes(), where=name), Policy(), taken_at="2026-11-23T18:00:00Z")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_finding_of_every_machine_has_a_plan_or_a_refusal_in_words(folder: Path) -> None:
    result = result_of(folder.name)
    for row in json.loads((folder / "expected.json").read_text())["findings"]:
        if row["severity"] == Severity.UNKNOWN.value:
            continue
        plan = plan_fix(result, row["id"], row["subject"], folder="/tmp/own")
        if plan is None:  # the finding names no remedy
            continue
        runs = [planned for planned in plan.steps if not planned.person]
        assert plan.refusal or any(planned.step.writes for planned in runs)
        for planned in runs:
            assert SAVED not in planned.script and SAVED not in planned.undo
            assert "read -r" not in planned.script
    assert plan_fix(result, "no-such-finding") is None


def test_another_subject_is_another_finding() -> None:
    assert plan_fix(result_of("initramfs-truncated"), "initramfs-damaged", "/no/such/path") is None
    assert plan_fix(result_of("healthy-bios"), "initramfs-damaged") is None


@pytest.mark.parametrize(
    ("step", "person"),
    [
        (Step(Place.LIVE, "look", ("ls /boot",)), False),
        (Step(Place.LIVE, "choose", ("ls", "read -r -p 'Which: ' K", "echo $K")), True),
        (Step(Place.LIVE, "edit", ("nano /etc/fstab || vi /etc/fstab",)), True),
        (Step(Place.LIVE, "edit", ("${EDITOR:-vi} $F",)), True),
        (Step(Place.LIVE, "call"), True),
        (Step(Place.GRUB, "type", ("boot",)), True),
        (Step(Place.LIVE, "decide", ("true",), by_hand=True), True),
        (Step(Place.LIVE, "not the builtin", ("grep -c thread /proc/cpuinfo", "cat /run/read")), False),
    ],
)
def test_what_needs_a_person(step: Step, person: bool) -> None:
    assert bool(_planned(step, "/own").person) is person


def test_comments_are_no_undo_and_removals_are_named() -> None:
    step = Step(Place.LIVE, "x", ("apt-get -s purge a", "apt-get purge a b"), undo=("# no way back",), writes=True)
    planned = _planned(step, "/own")
    assert planned.cannot_be_undone and planned.removes == ("a", "b")
