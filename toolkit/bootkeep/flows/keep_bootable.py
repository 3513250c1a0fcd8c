"""The kernel stays bootable through a transaction that nothing can stop: preserved before, put back after.

Each step may be run any number of times: rpm's triggers come once for each package, and zypper starts an rpm for each.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bootkeep.edges.clock import now_utc
from bootkeep.edges.preserved import PreserveError, is_whole, preserved_kernels
from bootkeep.edges.store import Store
from bootkeep.facts.policy import Policy
from bootkeep.flows import guard
from bootkeep.flows.preserve import preserve_kernel
from bootkeep.flows.reconcile import put_back
from bootkeep.flows.transaction import Answer, Request, session_of


def preserve_touched(request: Request, *, store: Store, policy: Policy, root: Path) -> Answer:
    """Preserve the protected kernel when this run of rpm touches its files; the record is led by a plugin."""
    protected = guard.protected_kernel(root, store) if policy.guard else None
    if protected is None or protected.release not in request.touches:
        return Answer()
    session = session_of(store, request.caller, now_utc())
    if session is not None and session.override is not None:
        return Answer()
    try:
        record = preserve_kernel(root, protected.release, touched=True, last_resort=True)
    except PreserveError as error:
        return Answer(f"bootkeep: DANGER: {protected.why} {protected.release} is not preserved: {error}")
    if session is not None and record.key not in session.preserved:
        store.save_transaction(replace(session, preserved=(*session.preserved, record.key)))
    return Answer()


def keep_bootable(request: Request, *, store: Store, root: Path) -> str:
    """Put back what this session took of the kernels that were preserved for it; one sentence, or empty.

    Not when the administrator overrode the guard for it: then it was meant.
    """
    session = session_of(store, request.caller, now_utc())
    if session is None or session.override is not None or not session.preserved:
        return ""
    said = [
        f"the kernel {record.release} was taken away by this transaction and is put back"
        for record in preserved_kernels(root)
        if record.key in session.preserved and is_whole(root, record) and put_back(root, record)
    ]
    if not said:
        return ""
    sentence = "; ".join(said)
    if sentence in session.outcome_detail:
        return ""  # said by an earlier trigger of the same transaction
    detail = "; ".join(part for part in (session.outcome_detail, sentence) if part)
    store.save_transaction(replace(session, outcome_detail=detail))
    return f"bootkeep: {sentence}"
