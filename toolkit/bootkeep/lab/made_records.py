"""Records of transactions as hooks leave them, made without a package manager: for load and for faults.

The readings are real, one look at the machine that this runs on; what changes from one transaction to the next is a package
in its status file. What matters to a fault is when files appear in the store, and that is done by the store itself.
"""

from __future__ import annotations

import time
from dataclasses import replace

from bootkeep.edges.store import Store, new_transaction_id
from bootkeep.facts.finding import Judgement, Verdict
from bootkeep.facts.reading import Reading, Readings, Snapshot, Status
from bootkeep.facts.transaction import Action, Caller, Outcome, PackageChange, Transaction, TransactionStep
from bootkeep.flows.snapshot import take_snapshot

_STATUS = "file:/var/lib/dpkg/status"


def one_look() -> Snapshot:
    """A real snapshot of this machine, the quick reads only."""
    return take_snapshot("pre", deadline_s=10.0, tier=1)


def make_record(store: Store, number: int, look: Snapshot, *, finish: bool = True, now: float = 0.0) -> Transaction:
    """One transaction that installs package ``made-<number>``: pre, then post with a verdict when ``finish``."""
    moment = now or time.time()
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
    change = PackageChange(f"made-{number}", "all", "", "1.0", Action.INSTALL)
    caller = Caller("apt", 4000 + number, number, "boot", ("apt-get", "install", change.name), "alice")
    open_ = Transaction(
        new_transaction_id(started),
        caller,
        Outcome.OPEN,
        "",
        started,
        "",
        (TransactionStep((change,), started, ""),),
        ("pre",),
    )
    store.save_snapshot(open_.id, "pre", replace(look, phase="pre", taken_at=started))
    store.save_transaction(open_)
    return finish_record(store, open_, look) if finish else open_


def finish_record(store: Store, transaction: Transaction, look: Snapshot) -> Transaction:
    """The post of a transaction that :func:`make_record` left open."""
    (change,) = transaction.changes
    entry = (
        f"\nPackage: {change.name}\nStatus: install ok installed\nArchitecture: all\nVersion: {change.new_version}\n"
    )
    status = look.readings[_STATUS]
    after = {**look.readings, _STATUS: Reading(Status.OK, status.text + entry)}
    ended = transaction.started_at
    store.save_snapshot(transaction.id, "post", replace(look, phase="post", taken_at=ended, readings=Readings(after)))
    store.save_verdict(transaction.id, "post", Verdict(Judgement.GO, ()))
    done = replace(
        transaction,
        outcome=Outcome.DONE,
        ended_at=ended,
        phases=("pre", "post"),
        steps=tuple(replace(step, ended_at=ended) for step in transaction.steps),
    )
    store.save_transaction(done)
    return done
