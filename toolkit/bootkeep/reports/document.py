"""The model of a report: what a reader sees, before it becomes a terminal page, HTML, text or JSON.

Its JSON form is published as docs/reference/schemas/report-1.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bootkeep.facts.change import Change, ChangeClass, NotCompared
from bootkeep.facts.config_copy import Restored
from bootkeep.facts.finding import Finding
from bootkeep.facts.transaction import PackageChange

#: Version of a report's JSON form.
REPORT_SCHEMA = 1


class Mark(Enum):
    """sdiff(1)'s middle column."""

    SAME = " "
    CHANGED = "|"
    REMOVED = "<"
    ADDED = ">"


@dataclass(frozen=True, slots=True)
class Link:
    """A document beside the page."""

    href: str  # relative
    label: str  # PDF, text, HTML


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a side-by-side view; empty on the side where it is not."""

    left: str
    mark: Mark
    right: str


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Two texts beside each other, as sdiff(1) shows them."""

    id: str
    title: str  # what the lines are: ``ps -ef``, ``netstat -an``, a path
    rows: tuple[Row, ...]
    note: str = ""  # why there are no rows

    @property
    def differing(self) -> int:
        """How many rows are not the same on both sides."""
        return sum(1 for row in self.rows if row.mark is not Mark.SAME)


@dataclass(frozen=True, slots=True)
class FileDiff:
    """What happened to one configuration file's content. Secrets are gone from it."""

    path: str
    package: str
    unified: tuple[str, ...]  # diff(1) -u lines; empty when there is nothing to show
    side: tuple[Row, ...]
    note: str = ""  # why the content is not shown


@dataclass(frozen=True, slots=True)
class Section:
    """Changes that a reader looks at together."""

    id: str
    title: str
    lead: str  # one sentence: what to do with these
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Subject:
    """Which transaction this is about."""

    id: str
    manager: str
    command: str
    user: str
    outcome: str
    outcome_detail: str
    started_at: str
    ended_at: str
    steps: int
    override: str  # who switched the guard off, and why; empty when nobody did
    advice: str = ""  # what to type instead of what was refused


@dataclass(frozen=True, slots=True)
class VerdictBox:
    """Whether the host may be rebooted."""

    word: str  # GO, NO-GO, UNKNOWN
    sentence: str
    findings: tuple[Finding, ...]
    basis: str = ""  # when and on what it was reached: ``after the transaction``, ``now``


@dataclass(frozen=True, slots=True)
class Kernels:
    """What a transaction did to the kernels in /boot, by release."""

    came: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()  # the same release, another build
    gone: tuple[str, ...] = ()
    preserved: tuple[str, ...] = ()  # releases whose files from before are kept, with their own boot entry
    boots_next: str = ""  # what the boot loader starts; empty when that is not known


@dataclass(frozen=True, slots=True)
class SinceLast:
    """What changed between the transaction before and this one: nobody was known to install anything then."""

    since: str  # id of the transaction before; empty when there is none
    moments: tuple[str, str]  # what was compared: ``settled 2026-11-23T17:05:00Z``, ``pre ...``
    changes: tuple[Change, ...]
    note: str = ""  # why nothing can be said


@dataclass(frozen=True, slots=True)
class Report:
    """Everything about one transaction, the most urgent first."""

    headline: str  # the summary and the verdict
    summary: str  # what happened, without the verdict
    host: str
    subject: Subject
    verdict: VerdictBox
    phases: tuple[str, str]  # names of the snapshots that were compared
    taken_at: tuple[str, str]
    sections: tuple[Section, ...]
    packages: tuple[PackageChange, ...]
    diffs: tuple[FileDiff, ...]
    views: tuple[SideBySide, ...]
    not_compared: tuple[NotCompared, ...]
    generated_at: str
    tool_version: str
    kernels: Kernels = Kernels()
    since_last: SinceLast | None = None
    restored: tuple[Restored, ...] = ()  # files that were put back since
    schema: int = REPORT_SCHEMA

    @property
    def weakened(self) -> int:
        """How many changes weaken security."""
        return sum(1 for change in self.changes if change.change_class is ChangeClass.SECURITY_WEAKENED)

    @property
    def mood(self) -> str:
        """What a reader should feel at first sight: ``bad`` (NO-GO, failed), ``odd`` (weakened, unknown, refused), ``good``."""
        if self.verdict.word == "NO-GO" or self.subject.outcome in {"failed", "interrupted"}:
            return "bad"
        return "good" if self.verdict.word == "GO" and not self.weakened else "odd"

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes of all sections."""
        return tuple(change for section in self.sections for change in section.changes)
