"""dpkg's command line as dpkg itself reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.facts.errors import NotUnderstood
from bootkeep.probes.packages.dpkg_command import DpkgVerb, parse_dpkg_command


@pytest.mark.parametrize(
    ("line", "verb", "operands"),
    [
        ("dpkg -i a.deb b.deb", DpkgVerb.INSTALL, ("a.deb", "b.deb")),
        ("dpkg --install --force-all a.deb", DpkgVerb.INSTALL, ("a.deb",)),
        ("dpkg a.deb -i", DpkgVerb.INSTALL, ("a.deb",)),
        ("dpkg -iEGO a.deb", DpkgVerb.INSTALL, ("a.deb",)),
        ("dpkg --unpack -- -odd.deb", DpkgVerb.UNPACK, ("-odd.deb",)),
        ("dpkg -r x:amd64", DpkgVerb.REMOVE, ("x:amd64",)),
        ("dpkg --force-depends -P x y", DpkgVerb.PURGE, ("x", "y")),
        ("dpkg --log /tmp/log --purge x", DpkgVerb.PURGE, ("x",)),
        ("dpkg --log=/tmp/log -D 2 -D72 --remove x", DpkgVerb.REMOVE, ("x",)),
        ("dpkg --status-fd 20 --no-triggers --unpack --auto-deconfigure a.deb", DpkgVerb.UNPACK, ("a.deb",)),
        ("dpkg --triggers-only x", DpkgVerb.TRIGGERS, ("x",)),
        ("dpkg --configure x", DpkgVerb.CONFIGURE, ("x",)),
    ],
)
def test_verbs_and_operands(line: str, verb: DpkgVerb, operands: tuple[str, ...]) -> None:
    command = parse_dpkg_command(line.split(" "))
    assert (command.verb, command.operands) == (verb, operands)
    assert not command.pending
    assert not command.recursive
    assert not command.dry_run
    assert not command.other_root


def test_flags() -> None:
    assert parse_dpkg_command(["dpkg", "--configure", "-a"]).pending
    assert parse_dpkg_command(["dpkg", "--pending", "--configure"]).pending
    assert parse_dpkg_command(["dpkg", "-iR", "/d"]).recursive
    assert parse_dpkg_command(["dpkg", "-i", "--recursive", "/d"]).recursive
    assert parse_dpkg_command(["dpkg", "--no-act", "-i", "a.deb"]).dry_run
    assert parse_dpkg_command(["dpkg", "--root=/mnt", "-i", "a.deb"]).other_root == "/mnt"
    assert parse_dpkg_command(["dpkg", "--root", "/mnt", "-i", "a.deb"]).operands == ("a.deb",)
    assert parse_dpkg_command(["dpkg", "--root=/", "-i", "a.deb"]).other_root == ""


@pytest.mark.parametrize("line", ["dpkg", "dpkg -l", "dpkg --audit", "dpkg --log"])
def test_what_runs_no_hook(line: str) -> None:
    with pytest.raises(NotUnderstood):
        parse_dpkg_command(line.split(" "))


@given(st.lists(st.text(max_size=12), max_size=8))
def test_no_arguments_break_it(arguments: list[str]) -> None:
    try:
        parse_dpkg_command(arguments)
    except NotUnderstood:
        return
