"""What a host hands over to its master: the state of one transaction as a list of files with their digests.

The files are those of the host's own store. A record is named by the digest of its manifest, so that "it is stored" can only
mean exactly this state; a later phase makes another manifest, of which the master has most files already.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from bootkeep.facts.codec import to_json

#: Version of the manifest's JSON form.
DELIVERY_SCHEMA = 1
#: What an announcement may weigh on the event bus.
DIGEST_LIMIT = 64 * 1024
#: One chunk of a file on its way to the master, before Base64; three of them stay below Salt's max_event_size (1 MiB).
CHUNK = 224 * 1024


@dataclass(frozen=True, slots=True)
class DeliveredFile:
    """One file of a record. Copies of configuration files are named ``blobs/<sha256>``, the rest as in the folder."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that a host holds of one transaction at one moment."""

    id: str
    phase: str  # the latest one: pre, post, settled, boot
    files: tuple[DeliveredFile, ...]  # sorted by name
    schema: int = DELIVERY_SCHEMA

    @property
    def digest(self) -> str:
        """What names this record."""
        return hashlib.sha256(to_json(self).encode("ascii")).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Announcement:
    """What the event carries: enough to act on, small enough for the bus. The record itself is pulled."""

    id: str
    phase: str
    digest: str
    size: int
    files: int
    outcome: str
    verdict: str  # GO, NO-GO, UNKNOWN
    findings: tuple[str, ...]  # the sentences that matter most
    counts: dict[str, int]  # packages, findings, ...
    headline: str
