"""The rescue runbook of one host as data: what is printed, and in what order it is walked.

The text, the HTML page and the PDF are three renderings of the same value, and a drill types the same steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from bootkeep.facts.remedy import Step

#: Where a path through the paper may end. Everything else is the id of a section.
BOOTS, CALL, RESTORE = "BOOTS", "CALL", "RESTORE"
ENDS = frozenset({BOOTS, CALL, RESTORE})

#: Version of the runbook's JSON form.
RUNBOOK_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list without order, one short sentence each."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Box:
    """A framed warning or notice that must not be overlooked."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of short texts. ``weights`` share out the width of the line; a weight of 0 is as wide as its longest cell."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    weights: tuple[int, ...]
    targets: tuple[str, ...] = ()  # section ids that the rows lead to, for the check that none is missing


@dataclass(frozen=True, slots=True)
class Listing:
    """Lines of a file or a table of the machine, to compare with; never typed."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Blank:
    """Empty lines to write on, e.g. the log sheet."""

    label: str
    lines: int


@dataclass(frozen=True, slots=True)
class RunbookStep:
    """One step on paper: a :class:`Step` with its number, where to go when it fails, and what to write down."""

    id: str  # R5.2: section and number, read out over the phone
    step: Step
    otherwise: str  # section id, or one of ENDS
    blanks: tuple[str, ...] = ()  # READ THIS FROM THE SCREEN: <label> ______
    approval: bool = False  # needs the approver's initials before it is typed


Item = Text | Bullets | Box | Table | Listing | Blank | RunbookStep


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the paper, found by its letter."""

    id: str
    title: str
    items: tuple[Item, ...]
    then: tuple[
        str, ...
    ]  # where to go once its last step worked: section ids or ENDS; empty for pages to look things up
    minutes: int = 0  # time box; when it has passed, call. 0 for none
    new_page: bool = True

    @property
    def steps(self) -> tuple[RunbookStep, ...]:
        """Its steps in order."""
        return tuple(item for item in self.items if isinstance(item, RunbookStep))

    @property
    def leads_to(self) -> frozenset[str]:
        """Ids of everything one may be sent to from here."""
        tables = [item.targets for item in self.items if isinstance(item, Table)]
        return frozenset({*self.then, *(step.otherwise for step in self.steps), *(t for row in tables for t in row)})


class Freshness(Enum):
    """Whether a printed runbook still describes its host, best first."""

    FRESH = "FRESH"
    STALE_MINOR = "STALE-MINOR"  # people, spare kernels, packages: still gets the machine up
    STALE = "STALE"  # kernels, boot entries, command line
    INVALID = "INVALID"  # disks, file systems, mounts, firmware: its commands may hit the wrong thing
    UNKNOWN = "UNKNOWN"  # no runbook to compare with, or the host could not be read


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Digests of the facts that the paper depends on: one a section, and one over all."""

    overall: str  # sha256, hex
    sections: tuple[tuple[str, str], ...]  # name, sha256; sorted by name
    unread: tuple[str, ...] = ()  # sections with a fact that could not be read

    @property
    def short(self) -> str:
        """Twelve digits in groups of four, to compare by eye."""
        return " ".join(self.overall[start : start + 4] for start in (0, 4, 8)).upper()


@dataclass(frozen=True, slots=True)
class FactsInWords:
    """One section of what a fingerprint is of, so that a person can be told which fact moved."""

    section: str  # as in Fingerprint.sections
    lines: tuple[str, ...]  # a fact each


@dataclass(frozen=True, slots=True)
class Runbook:
    """The whole document."""

    host: str
    generated_at: str  # UTC, ISO 8601
    document_id: str
    fingerprint: Fingerprint
    place: str  # where the printed copy is kept
    sections: tuple[Section, ...]
    not_covered: tuple[str, ...]  # what this version does not know how to do on this host
    facts: tuple[FactsInWords, ...] = ()  # what the fingerprint is of
    schema: int = RUNBOOK_SCHEMA

    def steps(self) -> Iterator[RunbookStep]:
        """Every step of every section, in print order."""
        for section in self.sections:
            yield from section.steps

    def section(self, wanted: str) -> Section | None:
        """The section with this id."""
        return next((section for section in self.sections if section.id == wanted), None)
