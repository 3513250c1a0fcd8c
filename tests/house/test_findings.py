"""A rule, its finding, its page, its remedy and its test have one name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bootkeep.remedies import ALL_REMEDIES
from bootkeep.rules.judge import ALL_RULES
from house.source import CHECKOUT, files

PAGES = CHECKOUT / "docs" / "reference" / "findings"
MACHINES = sorted(
    path for path in (CHECKOUT / "tests" / "machines").iterdir() if path.is_dir() and path.name[0] not in "_."
)


def ids() -> set[str]:
    """The ids of all rules, by their files' names."""
    not_rules = {"__init__", "judge", "common", "rule"}
    names = {path.stem for path in files(".py", "toolkit/bootkeep/rules") if path.stem not in not_rules}
    return {name.replace("_", "-") for name in names if not name.startswith("security")}


def test_every_rule_file_is_in_the_list() -> None:
    """The list is explicit: no magic discovery, and nothing forgotten."""
    assert {rule.id for rule in ALL_RULES} == ids()


def test_every_finding_has_a_page_and_every_page_a_finding() -> None:
    """An operator who meets a finding at 3 a.m. can look it up."""
    assert {path.stem for path in PAGES.glob("*.md")} - {"index"} == ids()


def test_every_finding_has_a_remedy() -> None:
    """What is found can be put right, or the remedy says plainly that it cannot."""
    assert ids() <= set(ALL_REMEDIES)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda path: path.name)
def test_every_recorded_machine_says_how_it_was_made(machine: Path) -> None:
    """A fixture nobody can make again is a fixture nobody can trust."""
    assert len((machine / "README.md").read_text(encoding="utf-8").split()) >= 25
    assert (machine / "readings.json").exists() and (machine / "expected.json").exists()


def test_classes_are_written_as_the_catalogue_numbers_them() -> None:
    """B01 to B46: they map one to one to the pages."""
    assert all(re.fullmatch(r"B(0[1-9]|[1-3][0-9]|4[0-6])", rule.boot_class) for rule in ALL_RULES)
