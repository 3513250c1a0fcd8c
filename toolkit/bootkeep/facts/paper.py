"""What only the printed page needs: too costly, or of too little use, for a verdict that has to be there in seconds."""

from __future__ import annotations

from dataclasses import dataclass

from bootkeep.facts.unknown import Maybe, Unknown

NOT_TAKEN = Unknown("not asked when this was written")


@dataclass(frozen=True, slots=True)
class PartitionTable:
    """One disk's partition table, as ``sfdisk -d`` writes it and ``sfdisk`` reads it back."""

    disk: str  # serial number or lasting name; the kernel's name when it has neither
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PackageInHand:
    """A package file on this host, to install without a network."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class LastTransaction:
    """The newest run of the package manager that bootkeep has a record of."""

    id: str
    started_at: str  # UTC, ISO 8601
    outcome: str
    command: str
    changes: tuple[str, ...]  # name old -> new, what takes part in booting first


@dataclass(frozen=True, slots=True)
class PaperFacts:
    """All of it. Nothing of this is part of the fingerprint."""

    partition_tables: Maybe[tuple[PartitionTable, ...]] = NOT_TAKEN
    in_hand: Maybe[tuple[PackageInHand, ...]] = NOT_TAKEN
    last_transaction: Maybe[LastTransaction] = NOT_TAKEN


#: Of a runbook that is made from a recorded snapshot.
PAPER_NOT_TAKEN = PaperFacts()
