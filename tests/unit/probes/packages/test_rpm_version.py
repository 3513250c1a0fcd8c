"""rpm's version comparison. The same pairs are asked of the real rpm in tests/rpm/test_rpm_order.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.probes.packages.rpm_version import compare_versions, split_version, version_key

VERSIONS = st.text("0019abAZ.-~^+_:el8", max_size=12)

#: older, newer: rpm's own documentation (rpm-version(7)) and what went wrong elsewhere.
ORDERED = (
    ("4.18.0-553.el8_10", "4.18.0-553.22.1.el8_10"),  # EL 8.10's first kernel
    ("4.18.0-553.el8_10.x86_64", "4.18.0-553.16.1.el8_10.x86_64"),
    ("3.10.0-1160.el7", "3.10.0-1160.119.1.el7"),
    ("5.14.0-9.el9", "5.14.0-10.el9"),
    ("5.15.0-200.131.27.el8uek", "5.15.0-206.153.7.el8uek"),
    ("5.14.21-150500.53.2", "5.14.21-150500.55.52.1"),
    ("1.0~rc1", "1.0"),
    ("1.0", "1.0^git1"),
    ("1.0^git1", "1.0.1"),
    ("9:1", "10:0"),
    ("1", "1-1"),
    ("a", "1"),
    ("1.a", "1.1"),
)


@pytest.mark.parametrize(("older", "newer"), ORDERED)
def test_order(older: str, newer: str) -> None:
    """Both ways round."""
    assert compare_versions(older, newer) == -1
    assert compare_versions(newer, older) == 1


def test_equal_versions_need_not_be_the_same_text() -> None:
    """Separators and leading zeros carry no weight."""
    assert compare_versions("1.05-1", "1_5-01") == 0
    assert compare_versions("0:1-1", "1-1") == 0


def test_the_parts_of_a_version() -> None:
    """An epoch is digits before the first colon."""
    assert split_version("2:1.0-3.el9") == ("2", "1.0", "3.el9")
    assert split_version("1.0") == ("0", "1.0", None)
    assert split_version(":1-2") == ("0", "1", "2")


@given(VERSIONS, VERSIONS)
def test_turned_round_the_answer_turns_too(left: str, right: str) -> None:
    """Whatever the text."""
    assert compare_versions(left, right) == -compare_versions(right, left)
    assert compare_versions(left, left) == 0


@given(st.lists(st.from_regex(r"[0-9]{1,2}(\.[0-9a-z]{1,2}){0,2}-[0-9]{1,2}(\.el[89])?", fullmatch=True), max_size=8))
def test_sorting_does_not_depend_on_the_order_before(versions: list[str]) -> None:
    """As kernels come in any order from a database."""
    turned = versions[::-1]
    one, other = sorted(versions, key=version_key), sorted(turned, key=version_key)
    assert [compare_versions(a, b) for a, b in zip(one, other, strict=True)] == [0] * len(versions)
