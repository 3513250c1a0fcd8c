"""Every recorded machine through the whole line: readings, state, findings, verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bootkeep.facts.codec import from_json
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Readings
from bootkeep.flows.check import check_readings
from bootkeep.rules.judge import ALL_RULES
from machines.meant import MEANT

FOLDERS = sorted(path.parent for path in Path(__file__).parent.glob("*/readings.json"))


def test_there_are_machines_of_both_kinds() -> None:
    healthy = [folder for folder in FOLDERS if folder.name.startswith("healthy-")]
    assert len(healthy) >= 4 and len(FOLDERS) - len(healthy) >= 8


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_machine_is_judged_as_expected(folder: Path) -> None:
    readings = from_json(Readings, (folder / "readings.json").read_bytes(), where=folder.name)
    verdict = check_readings(readings, Policy(), taken_at="2026-11-23T18:00:00Z").verdict
    expected = json.loads((folder / "expected.json").read_text())
    found = [{"id": f.id, "severity": f.severity.value, "subject": f.subject} for f in verdict.findings]
    assert {"judgement": verdict.judgement.value, "findings": found} == expected


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_machine_shows_its_own_class_with_its_consequences_and_nothing_else(folder: Path) -> None:
    """A healthy machine shows nothing at all, not even advice or something that could not be judged."""
    found = {finding["id"] for finding in json.loads((folder / "expected.json").read_text())["findings"]}
    readme = (folder / "README.md").read_text()
    if folder.name.startswith("healthy-"):
        assert not found and folder.name not in MEANT
        return
    meant = MEANT[folder.name]
    assert found == meant.ids
    assert meant.words() in readme
    for name, why in meant.consequences:
        assert name != meant.finding and len(why.split()) >= 5, name


def test_a_broken_machine_stops_the_reboot_unless_its_class_never_does() -> None:
    """GO with a finding is for advice only; and what is meant to be found is a rule's."""
    assert {name for meant in MEANT.values() for name in meant.ids} <= {rule.id for rule in ALL_RULES}
    assert {folder.name for folder in FOLDERS if not folder.name.startswith("healthy-")} == set(MEANT)
    for name in MEANT:
        expected = json.loads((FOLDERS[0].parent / name / "expected.json").read_text())
        severities = {finding["severity"] for finding in expected["findings"]}
        assert (expected["judgement"] == "GO") == (severities == {"advice"}), name


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_losing_any_one_reading_never_makes_a_broken_machine_go(folder: Path) -> None:
    """UNKNOWN is never GO: what is not read may hide a defect, and must not turn NO-GO into GO."""
    readings = from_json(Readings, (folder / "readings.json").read_bytes(), where=folder.name)
    if json.loads((folder / "expected.json").read_text())["judgement"] != "NO-GO":
        return
    for lost in readings:
        left = Readings({key: reading for key, reading in readings.answers.items() if key != lost})
        verdict = check_readings(left, Policy(), taken_at="2026-11-23T18:00:00Z").verdict
        assert verdict.judgement.value != "GO", f"without {lost}"
