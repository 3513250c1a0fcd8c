"""What a hook does once it knows its request: the policy, the store, and the right half of the transaction."""

from __future__ import annotations

from bootkeep.edges.config import load_policy
from bootkeep.edges.store import Store
from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.policy import Policy
from bootkeep.flows.transaction import Answer, Request, close_transaction, open_transaction


def policy_or_default() -> tuple[Policy, str]:
    """The policy in force. A damaged one must not switch the guard off: the defaults stand in, and the log says so."""
    try:
        return load_policy(), ""
    except (NotUnderstood, OSError) as error:
        return Policy(), f"the policy cannot be read, the defaults are used: {error}"


def run_hook(phase: str, request: Request, policy: Policy, *, deadline_s: float) -> Answer:
    """Run the first or the second half of a transaction."""
    half = open_transaction if phase == "pre" else close_transaction
    return half(request, store=Store(), policy=policy, deadline_s=deadline_s)
