"""One difference between two looks at a machine, classified, weighed and explained."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ChangeKind(Enum):
    """What happened to a keyed thing."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    RESTARTED = "restarted"  # the same service or socket under another process: not a removal and an addition


class ChangeClass(Enum):
    """What a change means for the person who reads the report. Closed set: the report's schema depends on it."""

    SECURITY_WEAKENED = "security-weakened"
    CONFIG_REPLACED = "config-replaced"  # a hand-edited file now has the package's content
    CONFIG_KEPT = "config-kept"  # the edited file stayed, the package's new version lies beside it
    CONFIG = "config"
    PORT = "port"
    SERVICE = "service"
    BOOT = "boot"
    SUID = "suid"
    PACKAGE = "package"
    UNEXPLAINED = "unexplained"  # it changed with the transaction, and nothing in the transaction explains it
    DRIFT = "drift"  # it changed between two transactions
    OTHER = "other"


class ChangeSeverity(Enum):
    """How soon somebody should look, most urgent first."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the most urgent."""
        return list(ChangeSeverity).index(self)


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. ``before`` and ``after`` are texts for a reader, empty when the thing was not there."""

    family: str  # package, process, listener, unit, config, special-file, sysctl, mount, module, account, ...
    key: str  # what stays the same on both sides: a path, a unit's name, ``tcp 0.0.0.0:2222``
    kind: ChangeKind
    before: str
    after: str
    change_class: ChangeClass
    severity: ChangeSeverity
    package: str  # the transaction's package that owns it; empty when none does
    expected: bool  # a package of the transaction owns it, and it weakens nothing
    sentence: str
    rule: str = ""  # id of the security rule that raised it, one page each in docs/reference/changes

    @property
    def sides(self) -> tuple[str, str] | None:
        """Both sides, where they tell a reader more than the sentence does."""
        if not self.before or not self.after or self.before == self.after:
            return None
        if self.before in self.sentence and self.after in self.sentence:
            return None
        return self.before, self.after


@dataclass(frozen=True, slots=True)
class NotCompared:
    """A family that could not be compared, and why: never presented as "nothing changed"."""

    family: str
    why: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """All changes, the most urgent first, and what could not be compared."""

    changes: tuple[Change, ...]
    not_compared: tuple[NotCompared, ...] = ()
