"""What comes after a transaction: the settled look a little later, and the look after the next boot.

Right after a transaction services are still being restarted: a socket that is closed then may be open again a moment later.
So only the settled look raises alarms about services and sockets. It belongs to the newest transaction: when another one
follows within the time, one look serves both, and what happened between them shows before the second (its ``pre``).
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bootkeep.edges import processes
from bootkeep.edges.clock import now_utc, seconds_of
from bootkeep.edges.package_database import at_work
from bootkeep.edges.store import Store
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.policy import Policy
from bootkeep.facts.transaction import Outcome, Transaction
from bootkeep.flows.missed import record_missed
from bootkeep.flows.phases import judge_phase, judged_before, retention, take_phase
from bootkeep.flows.settle_timer import SETTLE_S
from bootkeep.flows.transaction import close_orphans

#: Enough for the slow reads, too little to be noticed as a process that hangs.
_LOOK_S = 60.0
#: How many of the newest records may still wait for a look.
_RECENT = 25


def settle(store: Store, policy: Policy, *, root: Path = Path("/")) -> Transaction | None:
    """Take the settled look of the newest transaction that waits for it; the record afterwards, None when none was due.

    A transaction that is at work now puts it off: its own end starts the time anew. Raises StoreError.
    """
    with alone(store) as free:
        if not free:
            return None
        close_orphans(store, root=root)
        waiting = _waiting(store, "settled")
        recent = store.newest(_RECENT)
        if not waiting or any(item.outcome is Outcome.OPEN for item in recent) or at_work(root):
            return None
        if 0 <= _age_s(waiting[0].ended_at) < SETTLE_S - 5:
            return None  # a later transaction has started a worker of its own
        here = processes.boot_id()
        for item in waiting[1:]:
            store.save_transaction(_without(item, "settled"))
        item = waiting[0]
        if item.caller.boot_id != here:
            store.save_transaction(_without(item, "settled"))
            return None
        if record_missed(store, policy, root=root).recorded:
            store.save_transaction(_without(item, "settled"))  # what the look would show is that other one's doing
            return None
        return _look(store, item, "settled", policy, root=root)


def after_boot(store: Store, policy: Policy, *, root: Path = Path("/")) -> Transaction | None:
    """Take the look after a boot for the newest transaction before it, and close what the boot cut off.

    The record of that transaction; None when none waited. Raises StoreError.
    """
    close_orphans(store, root=root)
    here = processes.boot_id()
    before = [item for item in store.newest(_RECENT) if item.awaits and item.caller.boot_id != here]
    for item in before[1:]:
        store.save_transaction(_without(item, *item.awaits))
    if not before:
        return None
    item = before[0]
    if "settled" in item.awaits:
        item = _without(item, "settled")
        store.save_transaction(item)
    if not at_work(root) and record_missed(store, policy, root=root).recorded:
        item = _without(item, "boot")
        store.save_transaction(item)
    return _look(store, item, "boot", policy, root=root) if "boot" in item.awaits else item


def _look(store: Store, item: Transaction, phase: str, policy: Policy, *, root: Path) -> Transaction | None:
    until = time.monotonic() + _LOOK_S
    since = f"@{int(seconds_of(item.started_at))}"
    earlier = judged_before(store)
    snapshot = take_phase(store, item, phase, root=root, until=until, tier=3, since=since)
    judge_phase(store, item, snapshot, policy, root=root, until=until, earlier=earlier)
    alarms = _alarms(store, item, phase, policy)
    _renew_runbook(store, item, phase, policy, root=root)
    now = store.load_transaction(item.id)
    if now.steps != item.steps or now.outcome is Outcome.OPEN:
        return None  # its process went on with it meanwhile, and its end will start this anew
    done = replace(
        now,
        phases=tuple(dict.fromkeys((*now.phases, phase))),
        awaits=tuple(name for name in now.awaits if name != phase),
        alarms=(*(now.alarms if phase == "boot" else ()), *alarms),
    )
    store.save_transaction(done)
    store.prune(retention(policy))
    return done


def _renew_runbook(store: Store, item: Transaction, phase: str, policy: Policy, *, root: Path) -> None:
    """The page that somebody will need follows the facts. Whatever goes wrong with it never costs the look."""
    from bootkeep.edges.host import LiveHost
    from bootkeep.flows.check import check_readings
    from bootkeep.flows.runbook import refresh_runbook

    try:
        readings = store.load_snapshot(item.id, phase).readings
        result = check_readings(readings, policy, taken_at=now_utc())
        refresh_runbook(LiveHost(root), result, policy, root)
    except (BootkeepError, OSError):
        return  # 'bootkeep runbook --check' tells that it is not fresh, and why


def _alarms(store: Store, item: Transaction, phase: str, policy: Policy) -> tuple[str, ...]:
    """What this look found wrong with services and sockets, against the look before the transaction (or the boot)."""
    from bootkeep.assemble_system import system_at
    from bootkeep.compare.noise import NoiseFilter
    from bootkeep.compare.whole import compare_all
    from bootkeep.facts.change import ChangeClass, ChangeSeverity

    base = "pre" if phase == "settled" else next((name for name in ("settled", "post") if name in item.phases), "pre")
    if base not in item.phases:
        return ()
    try:
        before, after = store.load_snapshot(item.id, base), store.load_snapshot(item.id, phase)
    except BootkeepError as error:
        return (f"services and sockets could not be compared: {error}",)
    compared = compare_all(
        system_at(before),
        system_at(after),
        packages=item.changes,
        noise=NoiseFilter(policy.noise, policy.noise_off),
    )
    worth = {ChangeSeverity.HIGH, ChangeSeverity.MEDIUM}
    about = {ChangeClass.SERVICE, ChangeClass.PORT, ChangeClass.SECURITY_WEAKENED}
    families = {"unit", "active unit", "listener", "process"}
    return tuple(
        change.sentence
        for change in compared.changes
        if change.change_class in about and change.family in families and change.severity in worth
    )


def _waiting(store: Store, phase: str) -> list[Transaction]:
    return [item for item in store.newest(_RECENT) if phase in item.awaits]


def _without(item: Transaction, *phases: str) -> Transaction:
    """The record of a transaction for which these looks will never come."""
    missed = tuple(dict.fromkeys((*item.missed, *phases)))
    return replace(item, awaits=tuple(name for name in item.awaits if name not in phases), missed=missed)


@contextmanager
def alone(store: Store) -> Iterator[bool]:
    """Whether no other worker is at it (the settled look, the safety net); the kernel ends the lock with its holder."""
    if not store.root.is_dir():
        yield False
        return
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(store.root / "settle.lock", flags, 0o600)
    except OSError as error:
        raise BootkeepError(
            f"the settled look cannot begin: {error.strerror}",
            where=str(store.root),
            next_step="See 'bootkeep selftest'.",
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


def _age_s(text: str) -> float:
    return seconds_of(now_utc()) - seconds_of(text)
