"""From readings to what only the printed page needs. Pure."""

from __future__ import annotations

from bootkeep.facts.paper import LastTransaction, PaperFacts
from bootkeep.facts.reading import Readings
from bootkeep.facts.transaction import PackageChange, Transaction
from bootkeep.facts.unknown import Absent, Maybe
from bootkeep.probes.packages.in_hand import IN_HAND, packages_in_hand
from bootkeep.probes.storage.partition_tables import PARTITION_TABLES, partition_tables

PAPER_PROBES = (PARTITION_TABLES, IN_HAND)

#: Packages that decide whether a machine boots stand first.
_FIRST = ("linux-", "grub", "shim", "initramfs", "systemd", "libc6", "udev", "lvm2", "mdadm", "cryptsetup")


def assemble_paper(readings: Readings, transactions: tuple[Transaction, ...] = ()) -> PaperFacts:
    """``transactions`` are the newest ones, newest first."""
    return PaperFacts(partition_tables(readings), packages_in_hand(readings), last_transaction(transactions))


def last_transaction(transactions: tuple[Transaction, ...]) -> Maybe[LastTransaction]:
    """The newest one that changed something."""
    item = next((each for each in transactions if each.changes), None)
    if item is None:
        return Absent("a recorded transaction")
    changes = sorted(item.changes, key=lambda change: (not change.name.startswith(_FIRST), change.name))
    return LastTransaction(
        item.id, item.started_at, item.outcome.value, " ".join(item.caller.command), tuple(map(_words, changes))
    )


def _words(change: PackageChange) -> str:
    versions = [change.old_version or "not there", change.new_version or "removed"]
    return f"{change.name} {' -> '.join(versions)}"
