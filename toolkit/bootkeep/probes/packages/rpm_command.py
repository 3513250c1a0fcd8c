"""What a person asked rpm to do, from its command line. Source: rpm(8), lib/poptI.c and lib/poptALL.c of rpm. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from bootkeep.facts.errors import NotUnderstood


class RpmVerb(Enum):
    """The actions of rpm that change what is installed."""

    INSTALL = "install"  # beside what is there
    UPGRADE = "upgrade"  # and every older version goes
    FRESHEN = "freshen"  # upgrade what is installed, leave the rest
    REINSTALL = "reinstall"
    ERASE = "erase"


@dataclass(frozen=True, slots=True)
class RpmCommand:
    """One parsed command line."""

    verb: RpmVerb
    operands: tuple[str, ...]  # files, manifests and addresses, or package labels with ERASE; as written
    dry_run: bool  # --test
    other_root: str  # --root that is not this machine's own; empty otherwise


_LONG_VERBS = {verb.value: verb for verb in RpmVerb}
_SHORT_VERBS = {"i": RpmVerb.INSTALL, "U": RpmVerb.UPGRADE, "F": RpmVerb.FRESHEN, "e": RpmVerb.ERASE}
#: Options whose value stands in the next argument when it is not behind ``=``.
_VALUES = frozenset(
    {"root", "dbpath", "define", "eval", "excludepath", "prefix", "relocate", "rcfile", "macros", "load", "pipe"}
    | {"undefine", "target"}
)
_SHORT_VALUES = frozenset({"r", "D", "E"})
#: A second word of another mode: then ``-i`` means "information" and the like.
_OTHER_MODES = frozenset(
    {"query", "verify", "import", "initdb", "rebuilddb", "checksig", "querytags", "showrc", "version"}
)


def parse_rpm_command(arguments: Sequence[str]) -> RpmCommand:
    """The command line of an rpm process, its own name first. Raises NotUnderstood when it changes nothing."""
    verb: RpmVerb | None = None
    operands: list[str] = []
    root, dry_run, other = "", False, False
    rest = list(arguments[1:])
    while rest:
        word = rest.pop(0)
        if word == "--":
            operands += rest
            break
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if name in _VALUES and not equals and rest:
                value = rest.pop(0)
            if name == "root":
                root = value
            dry_run |= name == "test"
            other |= name in _OTHER_MODES
            verb = _LONG_VERBS.get(name, verb)
        elif word.startswith("-") and len(word) > 1:
            letters = word[1:]
            other |= letters[0] in "qVKt"
            for position, letter in enumerate(letters):
                if letter in _SHORT_VALUES:
                    value = letters[position + 1 :] or (rest.pop(0) if rest else "")
                    root = value if letter == "r" else root
                    break
                verb = _SHORT_VERBS.get(letter, verb)
        else:
            operands.append(word)
    if verb is None or other:
        raise NotUnderstood("the command line of rpm names no change", where=" ".join(arguments[:4])[:120])
    return RpmCommand(verb, tuple(operands), dry_run, root.rstrip("/"))
