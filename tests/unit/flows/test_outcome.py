"""How a transaction ended, from dpkg's status."""

from __future__ import annotations

import pytest

from bootkeep.facts.package import Package
from bootkeep.facts.transaction import Action, Outcome, PackageChange
from bootkeep.flows.outcome import nothing_happened, outcome_of


def package(state: str, version: str = "2", name: str = "x", flag: str = "ok", architecture: str = "amd64") -> Package:
    return Package(name, architecture, version, "install", state, flag)


UPGRADE = PackageChange("x", "amd64", "1", "2", Action.UPGRADE)
REMOVE = PackageChange("x", "amd64", "1", "", Action.REMOVE)


@pytest.mark.parametrize(
    ("change", "after", "word"),
    [
        (UPGRADE, (package("installed"),), ""),
        (UPGRADE, (package("installed", "1"),), "still 1, not 2"),
        (UPGRADE, (package("half-configured"),), "left half-configured"),
        (UPGRADE, (package("half-configured", "1"),), "still 1, not 2, and left half-configured"),
        (UPGRADE, (package("unpacked"),), "left unpacked"),
        (UPGRADE, (package("triggers-pending"),), "left triggers-pending"),
        (UPGRADE, (package("half-installed", "2", flag="reinstreq"),), "must be reinstalled"),
        (UPGRADE, (), "left not-installed"),
        (REMOVE, (), ""),
        (REMOVE, (package("config-files", "1"),), ""),
        (REMOVE, (package("installed", "1"),), "was not removed"),
        (REMOVE, (package("half-installed", "1"),), "was not removed"),
        (UPGRADE, (package("installed"), package("half-configured", "1", name="y")), "y is left half-configured"),
        (UPGRADE, (package("installed"), package("installed", "1", architecture="i386")), ""),
    ],
)
def test_outcomes(change: PackageChange, after: tuple[Package, ...], word: str) -> None:
    outcome, detail = outcome_of((change,), after)
    assert outcome is (Outcome.FAILED if word else Outcome.DONE)
    assert word in detail


def test_unpack_leaves_packages_unconfigured_on_purpose() -> None:
    assert outcome_of((UPGRADE,), (package("unpacked"),), unpack_only=True) == (Outcome.DONE, "")
    assert outcome_of((UPGRADE,), (package("unpacked", "1"),), unpack_only=True)[0] is Outcome.FAILED


def test_a_long_list_is_cut_and_counted() -> None:
    changes = tuple(PackageChange(f"p{n}", "all", "", "1", Action.INSTALL) for n in range(20))
    assert outcome_of(changes, ())[1].endswith("and 12 more")


def test_nothing_happened() -> None:
    assert nothing_happened((UPGRADE,), (package("installed", "1"),))
    assert not nothing_happened((UPGRADE,), (package("installed", "2"),))
    assert not nothing_happened((UPGRADE,), (package("half-configured", "1"),))
    assert nothing_happened((PackageChange("z", "all", "", "1", Action.INSTALL),), ())
    assert not nothing_happened((REMOVE,), (package("config-files", "1"),))
