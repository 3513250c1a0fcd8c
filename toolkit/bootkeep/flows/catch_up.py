"""catch_up: the safety net below the hooks. Whatever a package manager did unseen is found, recorded, judged and repaired.

Run by a timer every few minutes (``bootkeep-catch-up.timer``), by Salt's beacon, and by ``bootkeep catch-up``. It works
without Salt and without the hooks: it needs the package database and the store only.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges import package_database
from bootkeep.edges.baseline import Accounted, load_accounted, load_told, save_accounted, save_told
from bootkeep.edges.preserved import PreserveError
from bootkeep.edges.run import detach, run
from bootkeep.edges.store import Store
from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.policy import Policy
from bootkeep.facts.transaction import Outcome, Transaction
from bootkeep.flows.late_close import close_at_rest
from bootkeep.flows.missed import record_missed
from bootkeep.flows.preserve import write_menu
from bootkeep.flows.reconcile import put_back_vanished
from bootkeep.flows.settling import alone, settle
from bootkeep.flows.transaction import close_orphans

#: A database that was written less than so many seconds ago may be written again at once: zypper starts an rpm for each
#: package, and services still restart. The settled look waits as long.
QUIET_S = 90.0
_RECENT = 25
_NAMED = 5


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What one run found and did."""

    missed: tuple[Transaction, ...] = ()  # put on record now: no hook saw them
    closed: tuple[Transaction, ...] = ()  # their package manager went away, or let go of the database, without a word
    put_back: tuple[str, ...] = ()  # what of the kernels was put back, in sentences
    complaints: tuple[str, ...] = ()  # what could not be compared or repaired
    put_off: str = ""  # why nothing was compared now; empty when it was
    idle: bool = False  # nothing has moved since the last run

    @property
    def anything(self) -> bool:
        """Whether somebody should be told."""
        return bool(self.missed or self.closed or self.put_back or self.complaints)


def moved(store: Store, *, root: Path = Path("/")) -> bool:
    """Whether there may be something to catch up with: some ``stat`` calls and one small file, for who asks often."""
    known = load_accounted(store)
    ids = store.transaction_ids()
    return known is None or known != Accounted(package_database.marks(root), ids[-1] if ids else "")


def sentences(done: CaughtUp) -> tuple[str, ...]:
    """What a person or a log should be told; nothing where there is nothing to tell."""
    lines = [
        f"hook missed: {names_of(item)}; recorded as {item.id}, see: bootkeep report {item.id}" for item in done.missed
    ]
    lines += [
        f"{item.id} was interrupted: {item.outcome_detail}"
        if item.outcome is Outcome.INTERRUPTED
        else f"{item.id} is closed: {item.caller.manager} let go of the package database and ran no hook after it"
        for item in done.closed
    ]
    return (*lines, *done.put_back, *done.complaints)


def untold(store: Store) -> list[dict[str, object]]:
    """Events for the transactions that nobody saw to their end and of which no event was made yet; they are remembered as told.

    The first call on a host tells nothing. Raises StoreError.
    """
    found = [
        item for item in reversed(store.newest(_RECENT)) if item.hook_missed or item.outcome is Outcome.INTERRUPTED
    ]
    ids = tuple(item.id for item in found)
    told = load_told(store)
    if told != ids and store.root.is_dir():
        save_told(store, ids)
    return [
        {
            "id": item.id,
            "outcome": item.outcome.value,
            "hook_missed": bool(item.hook_missed),
            "packages": len(item.changes),
            "names": names_of(item),
        }
        for item in found
        if told is not None and item.id not in told
    ]


def start_catching_up() -> None:
    """Have the comparison made by a process of its own: it takes seconds. One at a time, whoever else starts it."""
    if Path("/run/systemd/system").is_dir():
        done = run(["systemctl", "start", "--no-block", "bootkeep-catch-up.service"], timeout_s=2.0)
        if done.exit_code == 0:
            return
    detach([sys.executable, "-I", "-m", "bootkeep.hooks", "catch-up"])


def names_of(item: Transaction) -> str:
    """The packages of a transaction, the first few by name."""
    names = list(dict.fromkeys(change.name for change in item.changes))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def catch_up(
    store: Store, policy: Policy, *, root: Path = Path("/"), quiet_s: float = QUIET_S, always: bool = False
) -> CaughtUp:
    """Close what was cut off, put on record what no hook saw, put back what vanished. Raises StoreError.

    Never while a package manager is at work, a transaction is open, or its settled look is still to come: then it is put off.
    ``always``: also when no database has moved since the last time.
    """
    if not always and not moved(store, root=root):
        return CaughtUp(idle=True)
    if not store.root.is_dir():
        store.writable()  # makes it
    with alone(store) as free:
        if not free:
            return CaughtUp(put_off="another look at this host is being taken")
        closed = (*close_orphans(store, root=root), *close_at_rest(store, policy, root=root, quiet_s=quiet_s))
        why = _busy(store, root, quiet_s)
        if why:
            return CaughtUp(closed=closed, put_off=why)
        marks = package_database.marks(root)
        known = load_accounted(store)
        repaired, complaints = _repair(store, root)
        found = record_missed(store, policy, root=root, after=known.transaction if known else "")
        if repaired:
            complaints += _menu(root)
    settled = settle(store, policy, root=root)  # a look that nobody came to take: its worker was killed
    newest = store.newest(1)
    if not (newest and newest[0].outcome is Outcome.OPEN) and not _waits(store) and settled is None:
        save_accounted(store, Accounted(marks, newest[0].id if newest else ""))
    return CaughtUp(found.recorded, closed, (*repaired, *found.put_back), (*complaints, *found.complaints))


def _busy(store: Store, root: Path, quiet_s: float) -> str:
    """Why this is no moment to compare; empty when it is one."""
    lock = package_database.at_work(root)
    if lock:
        return f"a package manager is at work ({lock} is held)"
    if any(item.outcome is Outcome.OPEN for item in store.newest(_RECENT)):
        return "a transaction is open"
    age = package_database.quiet_for_s(root)
    if age < quiet_s:
        return f"the package database was written {age:.0f} s ago: it is compared when it has been at rest for {quiet_s:.0f} s"
    return ""


def _waits(store: Store) -> bool:
    return any("settled" in item.awaits for item in store.newest(_RECENT))


def _repair(store: Store, root: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        return put_back_vanished(root, store), ()
    except (PreserveError, NotUnderstood, OSError) as error:
        return (), (f"kept files could not be put back: {error}",)


def _menu(root: Path) -> tuple[str, ...]:
    """The preserved kernels' entries, now that packaged files may be others."""
    try:
        write_menu(root)
    except (PreserveError, OSError) as error:
        return (f"the menu of preserved kernels could not be written: {error}",)
    return ()
