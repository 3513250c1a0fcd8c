"""One phase of a transaction: the look at the host, the copies of configuration, and the verdict, all kept in the store."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from pathlib import Path

from bootkeep.edges.kept_copies import add_copies, kept_paths
from bootkeep.edges.redaction_key import make_key
from bootkeep.edges.retention import Retention
from bootkeep.edges.store import Store
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.finding import Verdict
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Readings, Snapshot
from bootkeep.facts.transaction import Transaction

#: Less time than this is not enough to look at the boot files: what is left belongs to the record.
_LEAST_TO_JUDGE_S = 0.3
#: How many of the newest transactions are searched for images that were read before.
_RECENT = 5


def take_phase(
    store: Store, transaction: Transaction, phase: str, *, root: Path, until: float, tier: int = 2, since: str = ""
) -> Snapshot:
    """Look at the whole machine until ``until`` (of the monotonic clock), and copy what of its configuration is at stake.

    ``tier`` and ``since`` as for :func:`bootkeep.flows.snapshot.take_snapshot`.
    """
    from bootkeep.flows.snapshot import config_copies, take_snapshot

    changes = transaction.changes
    left = max(0.2, until - time.monotonic())
    # A look after the transaction is judged: what that takes is loaded while the children read.
    meanwhile = None if phase == "pre" else _load_judges
    snapshot = take_snapshot(
        phase, root=root, packages=changes, deadline_s=left, tier=tier, since=since, meanwhile=meanwhile
    )
    store.save_snapshot(transaction.id, phase, snapshot)
    also = () if phase == "pre" else kept_paths(store, transaction.id, "pre")
    copies = config_copies(snapshot, changes, also=also, root=root, key=make_key(store.root))
    add_copies(store, transaction.id, phase, copies)
    return snapshot


def _load_judges() -> None:
    with contextlib.suppress(
        Exception
    ):  # a transaction that replaces bootkeep itself: the look is worth more than the verdict
        import bootkeep.flows.check  # noqa: F401 - loading it is all that is wanted


def judge_phase(
    store: Store,
    transaction: Transaction,
    snapshot: Snapshot,
    policy: Policy,
    *,
    root: Path,
    until: float,
    earlier: Readings | None = None,
) -> Verdict | None:
    """Judge the boot files as they are now, and keep the verdict with the readings that it stands on.

    What the snapshot has read a moment ago is not read again, nor is an image that is in ``earlier`` (:func:`judged_before`) and
    that nobody touched since. None when there is no time left.
    """
    left = until - time.monotonic()
    if left < _LEAST_TO_JUDGE_S:
        return None
    from bootkeep.edges.host import LiveHost
    from bootkeep.flows.check import check

    result = check(LiveHost(root), policy, deadline_s=left - 0.2, earlier=earlier, fresh=snapshot.readings)
    # In this order: a record with a verdict always has the readings for it, so newer rules can judge them again.
    whole = replace(snapshot, readings=Readings({**snapshot.readings, **result.readings}))
    store.save_snapshot(transaction.id, snapshot.phase, whole)
    store.save_verdict(transaction.id, snapshot.phase, result.verdict)
    return result.verdict


def judged_before(store: Store) -> Readings | None:
    """The newest readings on which a verdict stands. Ask before a phase is taken anew: that replaces its readings."""
    for transaction in store.newest(_RECENT):
        for phase in reversed(transaction.phases):
            try:
                if isinstance(store.load_verdict(transaction.id, phase), Verdict):
                    return store.load_snapshot(transaction.id, phase).readings
            except BootkeepError:
                continue  # damaged: an older one serves as well, and without any everything is read
    return None


def retention(policy: Policy) -> Retention:
    """How much the store may hold, by this policy."""
    return Retention(policy.keep_transactions, policy.keep_days, policy.keep_bytes, policy.await_delivery)
