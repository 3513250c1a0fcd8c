"""A remedy that was applied: what ran, what it said, and whether it can be taken back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

FIX_SCHEMA = 1


class FixState(Enum):
    """How a fix stands."""

    RUNNING = "running"  # or it was killed: list_fixes tells the two apart
    INTERRUPTED = "interrupted"  # killed, or the power went: never stored, see :func:`bootkeep.flows.fix.list_fixes`
    DONE = "done"  # the finding is gone
    REMAINS = "remains"  # every step ran, and the finding is still there
    STOPPED = "stopped"  # a step failed, or the next one needs a person
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class FixStep:
    """One step that was run."""

    say: str
    script: str  # as given to ``bash -eu -o pipefail -c``
    undo: str  # same; empty when there is nothing to take back, or no way to
    writes: bool
    exit_code: int
    seconds: float
    log: str  # file name in the fix's folder: what it printed
    ended: bool = True  # False: written when it began; whether it came to an end is not known


@dataclass(frozen=True, slots=True)
class FixRecord:
    """``/var/lib/bootkeep/fixes/<id>/record.json``."""

    schema: int
    id: str  # <utc>-<finding id>
    finding: str
    subject: str
    summary: str
    started_at: str  # UTC, ISO 8601
    ended_at: str
    state: FixState
    steps: tuple[FixStep, ...]
    reason: str  # why it stopped; empty
    verdict: str  # the host's verdict afterwards, a sentence
    before: dict[str, str]  # watched file -> sha256; empty text where there was none
    after: dict[str, str]
    undo_notes: tuple[str, ...] = ()  # what taking it back did, and what could not be taken back
