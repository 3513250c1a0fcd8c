"""What a hook does once it knows its request: the policy, the store, and the right half of the transaction."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bootkeep.edges.config import load_policy
from bootkeep.edges.known_digests import remember_in
from bootkeep.edges.store import Store
from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.policy import Policy
from bootkeep.facts.transaction import Transaction
from bootkeep.flows.settle_timer import start_settling
from bootkeep.flows.transaction import Answer, Request, close_transaction, open_transaction

#: What hooks tell one another for as long as this boot lasts.
RUNTIME = Path("/run/bootkeep")


def policy_or_default() -> tuple[Policy, str]:
    """The policy in force. A damaged one must not switch the guard off: the defaults stand in, and the log says so."""
    try:
        return load_policy(), ""
    except (NotUnderstood, OSError) as error:
        return Policy(), f"the policy cannot be read, the defaults are used: {error}"


def run_hook(phase: str, request: Request, policy: Policy, *, deadline_s: float) -> Answer:
    """Run the first or the second half of a transaction."""
    remember_in(RUNTIME)
    store = Store()
    if phase == "pre":
        return open_transaction(request, store=store, policy=policy, deadline_s=deadline_s)
    answer = close_transaction(request, store=store, policy=policy, deadline_s=deadline_s)
    if answer.text:  # something was recorded
        start_settling()
    return answer


def run_settling(wait_s: float) -> Transaction | None:
    """The detached worker: wait, then take the settled look of what waits for it."""
    from bootkeep.flows.settling import settle  # it compares: no hook needs that, and it is slow to load

    time.sleep(wait_s)
    policy, complaint = policy_or_default()
    if complaint:
        print(complaint, file=sys.stderr)  # noqa: T201 - standard error is the journal, or nothing
    return settle(Store(), policy)


def run_late_close(pid: int, start_ticks: int) -> bool:
    """Wait for a package manager's end and close its record; whether there was one to close."""
    from bootkeep.flows.late_close import close_at_the_end

    remember_in(RUNTIME)
    policy, complaint = policy_or_default()
    if complaint:
        print(complaint, file=sys.stderr)  # noqa: T201 - standard error is the journal, or nothing
    closed = close_at_the_end(Store(), policy, pid, start_ticks)
    if closed:
        start_settling()
    return closed


def run_catch_up() -> tuple[str, ...]:
    """The safety net with this host's policy; what somebody should be told, a sentence each."""
    from bootkeep.flows.catch_up import catch_up, sentences  # comparing: no other hook needs it, and it is slow to load

    policy, complaint = policy_or_default()
    return ((complaint,) if complaint else ()) + sentences(catch_up(Store(), policy))
