"""apt's information stream: real captures, and every hostile or cut one ends in NotUnderstood and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.transaction import Action, PackageChange
from bootkeep.probes.packages.apt_plan import parse_apt_plan

HEAD = b"VERSION 3\nAPT%3a%3aArchitecture=amd64\nCommandLine%3a%3aAsString=apt-get%20install%20foo\nDir=/\n\n"


def test_a_real_capture() -> None:
    plan = parse_apt_plan(
        HEAD
        + b"foo 1 all none < 2 all none /var/cache/foo-2.deb\n"
        + b"bar - - none < 1 amd64 same /opt/with space/bar.deb\n"
        + b"foo 1 all none < 2 all none **CONFIGURE**\n"
        + b"baz 1 amd64 none > - - none **REMOVE**\n"
        + b"half 1 all none = 1 all none **CONFIGURE**\n"
        + b"old 2 all none > 1 all none /x.deb\n"
        + b"same 2 all none = 2 all none /y.deb\n"
    )
    assert plan.changes == (
        PackageChange("foo", "all", "1", "2", Action.UPGRADE, "/var/cache/foo-2.deb"),
        PackageChange("bar", "amd64", "", "1", Action.INSTALL, "/opt/with space/bar.deb"),
        PackageChange("baz", "amd64", "1", "", Action.REMOVE),
        PackageChange("half", "all", "1", "1", Action.CONFIGURE),
        PackageChange("old", "all", "2", "1", Action.DOWNGRADE, "/x.deb"),
        PackageChange("same", "all", "2", "2", Action.REINSTALL, "/y.deb"),
    )
    assert plan.command == "apt-get install foo"
    assert plan.other_root == ""


@pytest.mark.parametrize("value", ["1", "true", "yes"])
def test_purge_is_told_from_the_configuration(value: str) -> None:
    head = HEAD.replace(b"Dir=/", f"APT%3a%3aGet%3a%3aPurge={value}".encode())
    (change,) = parse_apt_plan(head + b"x 1 all none > - - none **REMOVE**\n").changes
    assert change.action is Action.PURGE


def test_two_architectures_are_two_changes() -> None:
    lines = b"x 1 amd64 same > - - none **REMOVE**\nx 1 i386 same < 2 i386 same /x.deb\n"
    assert [change.architecture for change in parse_apt_plan(HEAD + lines).changes] == ["amd64", "i386"]


def test_version_2_of_the_protocol() -> None:
    (change,) = parse_apt_plan(b"VERSION 2\nDir=/\n\nfoo 1 < 2 /a b.deb\n").changes
    assert change == PackageChange("foo", "", "1", "2", Action.UPGRADE, "/a b.deb")


@pytest.mark.parametrize(
    ("name", "value"), [("Dir", "/mnt"), ("RootDir", "/mnt/"), ("DPkg%3a%3aChroot-Directory", "/x")]
)
def test_another_root_is_noticed(name: str, value: str) -> None:
    assert parse_apt_plan(f"VERSION 3\n{name}={value}\n\n".encode()).other_root == value


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"\n",
        b"/var/cache/x.deb\n",
        b"VERSION 4\n\n",
        b"VERSION 3\nDir=/\n",
        HEAD + b"foo 1 all none < 2 all none /x.deb",
        HEAD + b"foo 1 all none\n",
        HEAD + b"foo 1 all none ! 2 all none /x.deb\n",
        HEAD + b" 1 all none < 2 all none /x.deb\n",
    ],
)
def test_what_is_not_a_plan(stream: bytes) -> None:
    with pytest.raises(NotUnderstood):
        parse_apt_plan(stream)


@given(st.binary(max_size=400))
def test_no_bytes_break_it(stream: bytes) -> None:
    for candidate in (stream, HEAD + stream, HEAD + stream + b"\n", b"VERSION 2\n\n" + stream + b"\n"):
        try:
            plan = parse_apt_plan(candidate)
        except NotUnderstood:
            continue
        assert all(change.name for change in plan.changes)


@given(st.integers(min_value=0, max_value=200))
def test_a_cut_stream_is_never_taken_for_a_shorter_plan(cut: int) -> None:
    whole = HEAD + b"".join(f"p{n} 1 all none < 2 all none /p{n}.deb\n".encode() for n in range(4))
    part = whole[: max(0, len(whole) - 1 - cut)]
    try:
        plan = parse_apt_plan(part)
    except NotUnderstood:
        return
    assert part.endswith(b"\n")  # only a cut between two lines cannot be seen
    assert len(plan.changes) < 4
