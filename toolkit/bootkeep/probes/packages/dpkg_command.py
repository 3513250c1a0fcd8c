"""What a person asked dpkg to do, from its command line. Source: dpkg(1), lib/dpkg/options.c (parse_options). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from bootkeep.facts.errors import NotUnderstood


class DpkgVerb(Enum):
    """The actions of dpkg for which it runs hooks."""

    INSTALL = "install"
    UNPACK = "unpack"
    CONFIGURE = "configure"
    TRIGGERS = "triggers-only"
    REMOVE = "remove"
    PURGE = "purge"


@dataclass(frozen=True, slots=True)
class DpkgCommand:
    """One parsed command line."""

    verb: DpkgVerb
    operands: tuple[str, ...]  # archives, directories (recursive) or package names, as written
    pending: bool  # -a: everything that waits
    recursive: bool  # -R: operands are directories
    dry_run: bool  # --no-act, --dry-run, --simulate
    other_root: str  # --root or --instdir that is not this machine's own; empty otherwise

    @property
    def takes_archives(self) -> bool:
        """Whether the operands are files rather than package names."""
        return self.verb in {DpkgVerb.INSTALL, DpkgVerb.UNPACK}


_LONG_VERBS = {verb.value: verb for verb in DpkgVerb}
_SHORT_VERBS = {"i": DpkgVerb.INSTALL, "r": DpkgVerb.REMOVE, "P": DpkgVerb.PURGE}
#: Options whose value may stand in the next argument (``takesvalue`` in dpkg's table).
_LONG_VALUES = frozenset(
    {
        "root",
        "admindir",
        "instdir",
        "debug",
        "ignore-depends",
        "path-exclude",
        "path-include",
        "log",
        "status-fd",
        "status-logger",
        "pre-invoke",
        "post-invoke",
        "verify-format",
        "abort-after",
    }
)
_DRY_RUN = frozenset({"no-act", "dry-run", "simulate"})
_SHORT_VALUES = frozenset({"D"})


def parse_dpkg_command(arguments: Sequence[str]) -> DpkgCommand:
    """The command line of a dpkg process, its own name first. Raises NotUnderstood when it names no hooked action."""
    verb: DpkgVerb | None = None
    operands: list[str] = []
    flags: set[str] = set()
    other_root = ""
    rest = list(arguments[1:])
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            operands.extend(rest)
            break
        if argument.startswith("--"):
            name, equals, value = argument[2:].partition("=")
            if not equals and name in _LONG_VALUES and rest:
                value = rest.pop(0)
            verb = _LONG_VERBS.get(name, verb)
            flags.update({name} & {"pending", "recursive", *_DRY_RUN})
            if name in {"root", "instdir"}:
                other_root = value if value.strip("/") else ""
        elif argument.startswith("-") and len(argument) > 1:
            for position, letter in enumerate(argument[1:], start=1):
                if letter in _SHORT_VALUES:
                    if position == len(argument) - 1 and rest:
                        rest.pop(0)
                    break
                verb = _SHORT_VERBS.get(letter, verb)
                flags.update({{"a": "pending", "R": "recursive"}.get(letter, "")})
        else:
            operands.append(argument)
    if verb is None:
        raise NotUnderstood(f"no action in {' '.join(arguments)[:200]!r}", where="dpkg's command line")
    return DpkgCommand(
        verb,
        tuple(operands),
        pending="pending" in flags,
        recursive="recursive" in flags,
        dry_run=bool(flags & _DRY_RUN),
        other_root=other_root,
    )
