"""What a GRUB script does, as far as it can be told before it runs.

A condition about a variable is decided where the script, grubenv, or nobody sets it. What only the boot decides (whether a file
is there, on which platform GRUB runs, what a command returns) leaves a step unsure. Source: grub 2.06, script/execute.c,
commands/test.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from bootkeep.probes.bootloaders.grub_script import Statement

#: Whether something is so; None: only the boot will tell.
Truth: TypeAlias = bool | None

#: GRUB's own variables: their values are not in the script.
_BUILT_IN = re.compile(
    r"grub_.*|feature_.*|prefix|root|cmdpath|config_.*|lang|locale_dir|secondary_locale_dir|pxe_.*|net_.*|gfx.*|theme|icondir"
    r"|biosnum|debug|pager|color_.*|menu_color_.*|check_signatures|enforce_signatures|shim_lock|lockdown|pubkey|chosen|[?#@*0-9]+"
)
#: Set by every GRUB since 2.02 (normal/main.c).
_FEATURES = frozenset(
    f"feature_{name}"
    for name in (
        *("chainloader_bpb", "ntldr", "platform_search_hint", "default_font_path", "all_video_module", "menuentry_id"),
        *("menuentry_options", "200_final", "nativedisk_cmd", "timeout_style"),
    )
)
_NAME = re.compile(r"\$(?:\{([A-Za-z0-9_?#@*]+)\}|([A-Za-z_][A-Za-z0-9_]*|[?#@*0-9]))")
_ASSIGNED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)


@dataclass
class Variables:
    """What is known of GRUB's environment; None is a value that only the boot knows."""

    values: dict[str, str | None] = field(default_factory=dict)

    def get(self, name: str) -> str | None:
        """A value; empty for one that nobody sets."""
        if name in self.values:
            return self.values[name]
        if name in _FEATURES:
            return "y"
        return None if _BUILT_IN.fullmatch(name) else ""

    def expand(self, word: str) -> tuple[str, bool]:
        """The word with the names that are known filled in, and whether all were."""
        known = True

        def value(match: re.Match[str]) -> str:
            nonlocal known
            found = self.get(match[1] or match[2])
            known = known and found is not None
            return match[0] if found is None else found

        return _NAME.sub(value, word), known

    def set(self, name: str, word: str, sure: bool) -> None:
        """An assignment; one that may not happen leaves only a known equal value known."""
        text, known = self.expand(word)
        value = text if known else None
        self.values[name] = value if sure or self.get(name) == value else None


@dataclass(frozen=True, slots=True)
class Step:
    """A command that GRUB runs (``sure``) or may run."""

    words: list[str]
    sure: bool
    statement: Statement


@dataclass
class _Branch:
    """An ``if`` that is open. ``before``: whether one of its earlier branches ran; ``here``: whether this one does."""

    before: Truth = False
    here: Truth = None
    conditions: list[list[str]] | None = None  # while its condition is still being read


def steps(statements: Iterable[Statement], variables: Variables) -> Iterator[Step]:
    """The commands in their order, without those of branches that are surely not taken. Assignments are carried out on the way."""
    branches: list[_Branch] = []
    for statement in statements:
        words = list(statement.words)
        while words and words[0] in _WORDS:
            words = _control(words, branches, variables)
        if branches and branches[-1].conditions is not None:
            if words:
                branches[-1].conditions.append(words)
            continue
        runs = _all(branch.here for branch in branches)
        if runs is False or not (words or statement.block):
            continue
        yield Step(words, runs is True, statement)
        _assign(words, runs is True, variables)


_WORDS = frozenset({"if", "elif", "then", "else", "fi", "while", "until", "for", "do", "done"})


def _control(words: list[str], branches: list[_Branch], variables: Variables) -> list[str]:
    """Take one reserved word; returns what stands after it on the line."""
    word, rest = words[0], words[1:]
    if word == "if":
        branches.append(_Branch(conditions=[]))
    elif word in ("while", "until", "for"):
        branches.append(_Branch(here=None, conditions=None))
        return []
    elif word in ("do",):
        return rest
    elif word in ("fi", "done"):
        if branches:
            branches.pop()
    elif branches:
        branch = branches[-1]
        if word == "elif":
            branch.before, branch.conditions = _any((branch.before, branch.here)), []
        elif word == "else":
            branch.before = _any((branch.before, branch.here))
            branch.here = None if branch.before is None else not branch.before
        elif branch.conditions is not None:  # then
            asked = branch.conditions
            truth = condition(asked[0], variables) if len(asked) == 1 else None
            branch.conditions = None
            branch.here = False if branch.before is True else _all((truth, None if branch.before is None else True))
    return rest


def _assign(words: list[str], sure: bool, variables: Variables) -> None:
    for name, value in assignments(words):
        variables.set(name, value, sure)
    command = words[0] if words else ""
    if command == "unset":
        for name in words[1:]:
            variables.set(name, "", sure)
    elif command == "load_env" and ("-f" in words or "--file" in words):
        for name in [word for word in words[1:] if not word.startswith("-")]:
            variables.values[name] = None
    elif command in ("read", "getenv"):
        variables.values.update(dict.fromkeys(words[1:]))
    for number, word in enumerate(words):  # search --set=root, regexp --set 1:name, probe --set
        if command != "set" and word.startswith(("--set", "-s")):
            target = word.partition("=")[2] or "".join(words[number + 1 : number + 2])
            variables.values[target.rpartition(":")[2]] = None


def assignments(words: list[str]) -> list[tuple[str, str]]:
    """``set a=b``, and ``a=b`` without the word, which is the same."""
    head = words[:1]
    texts = words[1:2] if head == ["set"] else head
    found = [_ASSIGNED.fullmatch(text) for text in texts]
    return [(match[1], match[2]) for match in found if match]


def condition(words: list[str], variables: Variables) -> Truth:
    """``[ ... ]`` or ``test ...``; None for any other command."""
    negated = False
    while words[:1] == ["!"]:
        negated, words = not negated, words[1:]
    if words[:1] == ["["] and words[-1:] == ["]"]:
        words = words[1:-1]
    elif words[:1] == ["test"]:
        words = words[1:]
    elif words in (["true"], ["false"]):
        return (words == ["true"]) != negated
    else:
        return None
    if any(word in ("(", ")") for word in words):
        return None
    found = _any(_all(_term(each, variables) for each in _split(some, "-a")) for some in _split(words, "-o"))
    return None if found is None else found != negated


def _term(words: list[str], variables: Variables) -> Truth:
    negated = False
    while words[:1] == ["!"] and len(words) > 1:
        negated, words = not negated, words[1:]
    found = _plain(words, variables)
    return None if found is None else found != negated


def _plain(words: list[str], variables: Variables) -> Truth:
    if not words:
        return False
    expanded = [variables.expand(word) for word in words]
    texts = [text for text, _ in expanded]
    known = [sure for _, sure in expanded]
    if len(words) == 1:
        return texts[0] != "" if known[0] else None
    if len(words) == 2 and words[0] in ("-n", "-z"):
        return (texts[1] != "") == (words[0] == "-n") if known[1] else None
    if len(words) == 3 and known[0] and known[2]:
        if words[1] in ("=", "=="):
            return texts[0] == texts[2]
        if words[1] == "!=":
            return texts[0] != texts[2]
    return None


def _split(words: list[str], at: str) -> Iterator[list[str]]:
    part: list[str] = []
    for word in words:
        if word == at:
            yield part
            part = []
        else:
            part.append(word)
    yield part


def _all(truths: Iterable[Truth]) -> Truth:
    found = list(truths)
    return False if False in found else None if None in found else True


def _any(truths: Iterable[Truth]) -> Truth:
    found = list(truths)
    return True if True in found else None if None in found else False


def remembered(variables: Mapping[str, str]) -> Variables:
    """The environment that GRUB starts with: what grubenv holds. ``next_entry`` counts for one boot and is asked elsewhere."""
    return Variables({**variables, "next_entry": ""})
