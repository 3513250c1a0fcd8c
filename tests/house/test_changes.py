"""Rules on changes and noise: the data, their pages, and what raises them agree."""

from __future__ import annotations

import pytest

from bootkeep.compare.families import FAMILIES
from bootkeep.compare.family_rules import FAMILY_RULES
from bootkeep.compare.noise import NOISE_RULES
from bootkeep.compare.weakening import RULES
from bootkeep.probes.system_probes import SETTING_PROBES, SYSTEM_PROBES
from house.source import CHECKOUT, files

PAGES = CHECKOUT / "docs" / "reference" / "changes"
SECTIONS = ("## Why it matters", "## Look", "## When it is right", "## Take it back")


def test_every_rule_has_a_page_and_every_page_a_rule() -> None:
    """A reviewer who meets a line can look it up."""
    assert {path.stem for path in PAGES.glob("*.md")} - {"index"} == set(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_a_page_says_what_why_how_to_look_and_how_to_take_it_back(rule: str) -> None:
    """The words of the page are the words of the data."""
    text = (PAGES / f"{rule}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {rule}\n\nRaised when {RULES[rule]}.\n")
    places = [text.index(section) for section in SECTIONS]
    assert places == sorted(places)
    assert all(text[start + 20 : end].strip() for start, end in zip(places, [*places[1:], len(text)], strict=True))


def test_every_rule_is_raised_by_some_comparison() -> None:
    """A page for what nothing can raise would promise too much."""
    source = "".join(
        path.read_text(encoding="utf-8")
        for path in files(".py", "toolkit/bootkeep/compare")
        if path.stem != "weakening"
    )
    assert {rule for rule in RULES if f'"{rule}"' not in source} == set()
    assert set(RULES) >= FAMILY_RULES


def test_every_family_is_collected_and_every_collected_family_is_compared() -> None:
    """One name for the probe, the state's key and the comparison."""
    assert {family.name for family in FAMILIES} == {probe.name for probe in SETTING_PROBES}
    names = [probe.name for probe in SYSTEM_PROBES]
    assert len(names) == len(set(names))
    assert {probe.tier for probe in SYSTEM_PROBES} == {1, 2}


def test_noise_rules_have_an_id_of_their_own_and_name_a_family() -> None:
    """An administrator switches one off by its id."""
    ids = [rule.id for rule in NOISE_RULES]
    assert len(ids) == len(set(ids))
    others = {"process", "unit", "config", "config link", "sysctl", "mount", "module", "boot"}
    assert {rule.family for rule in NOISE_RULES} <= others | {family.name for family in FAMILIES}
