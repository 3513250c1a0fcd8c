"""The transaction between two looks at a package database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.compare.between import packages_between, reinstalled
from bootkeep.facts.package import Package
from bootkeep.facts.transaction import Action
from bootkeep.probes.packages.debian_version import compare_versions as debian
from bootkeep.probes.packages.rpm_version import compare_versions as rpm


def package(name: str, version: str, state: str = "installed", flag: str = "ok") -> Package:
    return Package(name, "amd64", version, "install", state, flag)


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ([], [("a", "1")], [("a", "", "1", Action.INSTALL)]),
        ([("a", "1")], [("a", "2")], [("a", "1", "2", Action.UPGRADE)]),
        ([("a", "10")], [("a", "9")], [("a", "10", "9", Action.DOWNGRADE)]),
        ([("a", "1")], [], [("a", "1", "", Action.REMOVE)]),
        ([("a", "1")], [("a", "1", "config-files")], [("a", "1", "", Action.REMOVE)]),
        ([("a", "1", "config-files")], [], [("a", "1", "", Action.PURGE)]),
        ([("a", "1", "config-files")], [("a", "2")], [("a", "", "2", Action.INSTALL)]),
        ([("a", "1")], [("a", "1", "half-configured")], [("a", "1", "1", Action.CONFIGURE)]),
        ([("a", "1")], [("a", "1", "installed", "reinstreq")], [("a", "1", "1", Action.CONFIGURE)]),
        ([("a", "1"), ("b", "1")], [("b", "1"), ("a", "1")], []),
    ],
)
def test_one_package(
    before: list[tuple[str, ...]], after: list[tuple[str, ...]], wanted: list[tuple[object, ...]]
) -> None:
    found = packages_between([package(*one) for one in before], [package(*one) for one in after], debian)
    assert [(one.name, one.old_version, one.new_version, one.action) for one in found] == wanted


def test_a_kernel_that_came_beside_another_is_no_upgrade() -> None:
    """What ``rpm -i`` and dnf do with an install-only package; ``rpm -U`` is told from it, by rpm's own order."""
    old, new = package("kernel-core", "4.18.0-553.el8_10"), package("kernel-core", "4.18.0-553.22.1.el8_10")
    (beside,) = packages_between([old], [old, new], rpm)
    assert (beside.action, beside.old_version) == (Action.INSTALL, "")
    (instead,) = packages_between([old], [new], rpm)
    assert instead.action is Action.UPGRADE
    (back,) = packages_between([new], [old], rpm)
    assert back.action is Action.DOWNGRADE
    (gone,) = packages_between([old, new], [new], rpm)
    assert (gone.action, gone.old_version) == (Action.REMOVE, old.version)


def test_the_same_version_once_more() -> None:
    there = [package("a", "1"), package("b", "1"), package("c", "1", "config-files")]
    assert [one.name for one in reinstalled(there, {"a", "b:amd64", "c"})] == ["a", "b"]
    assert reinstalled(there, {"b:i386"}) == ()


_packages = st.lists(
    st.builds(
        package,
        st.sampled_from("abcd"),
        st.sampled_from(["1", "2", "1:0", "2~rc1"]),
        st.sampled_from(["installed", "config-files", "unpacked", "not-installed"]),
    ),
    max_size=6,
)


@given(_packages, _packages)
def test_nothing_lies_between_equal_looks_and_something_between_others(
    one: list[Package], other: list[Package]
) -> None:
    assert packages_between(one, one, debian) == ()
    for change in packages_between(one, other, debian):
        assert change.old_version or change.new_version
