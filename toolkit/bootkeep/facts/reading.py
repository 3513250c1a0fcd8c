"""Readings: what a machine answered to the reads that probes declared. The readings *are* the snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

#: Version of a snapshot's JSON form. Old snapshots stay readable.
SNAPSHOT_SCHEMA = 1


class Status(Enum):
    """How a read ended. Only OK carries data; the rest must never be taken for an empty answer."""

    OK = "ok"
    ABSENT = "absent"  # no such file, no such command
    DENIED = "denied"
    TIMEOUT = "timeout"
    FAILED = "failed"  # exit code, input/output error; ``detail`` says which
    NOT_TAKEN = "not-taken"  # this host cannot answer such a read (a rescue root has no processes)


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer."""

    status: Status
    text: str = ""  # decoded as UTF-8 with surrogateescape, so that odd bytes survive a round trip
    exit_code: int = 0  # of a command
    detail: str = ""  # for a person: the error message, stderr's last lines
    seconds: float = 0.0  # how long it took

    @property
    def ok(self) -> bool:
        """Whether there is data to parse."""
        return self.status is Status.OK


#: What a look-up gives for a read nobody made.
NOT_ASKED = Reading(Status.NOT_TAKEN, detail="this read is not part of the snapshot")


@dataclass(frozen=True, slots=True)
class Readings(Mapping[str, Reading]):
    """All answers of one look at a machine, by the read's key."""

    answers: Mapping[str, Reading] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Reading:
        return self.answers.get(key, NOT_ASKED)

    def __iter__(self) -> Iterator[str]:
        return iter(self.answers)

    def __len__(self) -> int:
        return len(self.answers)

    def __contains__(self, key: object) -> bool:
        return key in self.answers


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Readings of one host at one moment."""

    phase: str  # pre, post, settled, boot, or manual
    taken_at: str  # UTC, ISO 8601
    host: str
    boot_id: str
    readings: Readings
    tool_version: str
    schema: int = SNAPSHOT_SCHEMA
