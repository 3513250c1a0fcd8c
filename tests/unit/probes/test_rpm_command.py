"""The parser of rpm's command lines: what was put together comes apart again, and real rpm agrees which mode it is."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootkeep.edges.run import run
from bootkeep.facts.errors import NotUnderstood
from bootkeep.probes.packages.rpm_command import RpmCommand, RpmVerb, parse_rpm_command

SHORT = {RpmVerb.INSTALL: "i", RpmVerb.UPGRADE: "U", RpmVerb.FRESHEN: "F", RpmVerb.ERASE: "e"}
#: Letters that go together with every verb, and options without a value.
LETTERS = "vh"
PLAIN = ("--nodeps", "--noscripts", "--notriggers", "--force", "--oldpackage", "--percent", "--noposttrans", "--justdb")
#: Options with a value, in both spellings.
VALUED = ("--dbpath", "--define", "--excludepath", "--prefix", "--relocate", "--rcfile", "--macros")
VALUES = st.sampled_from(["/var/lib/rpm", "_x y", "-U", "--erase", "/a=/b", "kernel.rpm", "%{nil}", "-"])
OPERANDS = st.lists(
    st.sampled_from(
        ["kernel-core-6.1.0-56.el9.x86_64.rpm", "./a b.rpm", "acmed", "https://x.test/y.rpm", "e", "U.rpm"]
    ),
    max_size=4,
)


@dataclass(frozen=True)
class Made:
    """A command line and what it means."""

    words: tuple[str, ...]
    means: RpmCommand


@st.composite
def commands(draw: st.DrawFn) -> Made:
    """Any verb in any spelling, among options in any order, with operands anywhere between them."""
    verb = draw(st.sampled_from(list(RpmVerb)))
    operands = tuple(draw(OPERANDS))
    if verb in SHORT and draw(st.booleans()):
        letters = [SHORT[verb], *draw(st.lists(st.sampled_from(LETTERS), max_size=3))]
        groups = [["-" + "".join(draw(st.permutations(letters)))]]
    else:
        groups = [[f"--{verb.value}"]]
    groups += [[option] for option in draw(st.lists(st.sampled_from(PLAIN), unique=True, max_size=3))]
    for option in draw(st.lists(st.sampled_from(VALUED), unique=True, max_size=3)):
        value = draw(VALUES)
        groups.append([f"{option}={value}"] if draw(st.booleans()) else [option, value])
    root = draw(st.sampled_from(["", "", "/", "/mnt", "/mnt/"]))
    if root:
        groups.append(draw(st.sampled_from([["--root", root], [f"--root={root}"], ["-r", root], [f"-r{root}"]])))
    dry_run = draw(st.booleans())
    groups += [["--test"]] if dry_run else []
    groups = list(draw(st.permutations(groups)))
    if draw(st.booleans()):
        words = [word for group in groups for word in group] + ["--", *operands]
    else:
        for operand in operands:  # in their order, each somewhere between the options
            groups.append([operand])
        words = [word for group in groups for word in group]
    return Made(("rpm", *words), RpmCommand(verb, operands, dry_run, root.rstrip("/")))


@given(commands())
@settings(deadline=None)
def test_what_was_put_together_comes_apart_again(made: Made) -> None:
    assert parse_rpm_command(made.words) == made.means


@given(commands(), st.sampled_from(["-q", "-qa", "-qi", "-V", "-Va", "--query", "--verify", "--import", "-K"]))
@settings(deadline=None)
def test_another_mode_is_no_change(made: Made, mode: str) -> None:
    """Among all the rest: ``rpm -q -i`` asks for information and installs nothing."""
    with pytest.raises(NotUnderstood):
        parse_rpm_command((made.words[0], mode, *made.words[1:]))


WORDS = st.one_of(
    st.text(max_size=12),
    st.text(alphabet="-UiFevhqrDE=/", max_size=8),
    st.sampled_from([*PLAIN, *VALUED, "--", "-", "--root", "-r", "--test", "-Uvh", "--erase"]),
)


@given(st.lists(WORDS, max_size=8))
@settings(deadline=None)
def test_any_words_are_understood_or_refused_and_nothing_is_made_up(words: list[str]) -> None:
    try:
        found = parse_rpm_command(("rpm", *words))
    except NotUnderstood:
        return
    remaining = list(words)
    for operand in found.operands:  # each is a word that stood there, in that order
        assert operand in remaining
        del remaining[: remaining.index(operand) + 1]


#: What rpm says when nothing is named: which of its modes it took the command line for.
SAYS = {
    "no packages given for install": {RpmVerb.INSTALL, RpmVerb.UPGRADE, RpmVerb.FRESHEN, RpmVerb.REINSTALL},
    "no packages given for erase": {RpmVerb.ERASE},
}


@pytest.mark.parametrize("verb", RpmVerb)
@pytest.mark.parametrize(
    "more", [(), ("-vh",), ("--nodeps", "--define", "_x -e"), ("--root", "/nowhere"), ("-D", "_y -q")]
)
def test_real_rpm_takes_it_for_the_same(verb: RpmVerb, more: tuple[str, ...]) -> None:
    assert shutil.which("rpm")
    for spelling in filter(None, (f"--{verb.value}", f"-{SHORT[verb]}v" if verb in SHORT else "")):
        words = ("rpm", "--define", "_dbpath /nowhere", *more, spelling)
        if "/nowhere" in more:
            words = ("rpm", *more, "--test", spelling)
        said = run(list(words), timeout_s=30).stderr
        (modes,) = (modes for text, modes in SAYS.items() if text in said)
        assert parse_rpm_command(words).verb is verb
        assert verb in modes
