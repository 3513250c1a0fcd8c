"""The copy on paper: is it still the one that this host would print?"""

from __future__ import annotations

from pathlib import Path

from bootkeep.edges.config import load_policy
from bootkeep.edges.host import LiveHost
from bootkeep.facts.converged import Converged
from bootkeep.facts.policy import Policy
from bootkeep.facts.runbook import Freshness
from bootkeep.flows.check import CheckResult, check
from bootkeep.flows.runbook import RUNBOOK_FOLDER, printed_freshness
from bootkeep.runbook.compose import document_id


def printed_copy(document: str = "", *, minor: bool = True) -> Converged:
    """The same about this machine; without an id about the copy that the policy names. Raises NotUnderstood on a damaged policy."""
    policy = load_policy()
    return printed_is_current(document or policy.site.printed_runbook, policy, minor=minor)


def printed_is_current(
    document: str, policy: Policy, *, root: Path = Path("/"), result: CheckResult | None = None, minor: bool = True
) -> Converged:
    """Whether the runbook with this id, on paper somewhere, still describes the host. Changes nothing.

    ``minor``: whether people and spare packages may have moved (STALE-MINOR): such a paper still gets the host up.
    """
    seen = result if result is not None else check(LiveHost(root), policy)
    answer = printed_freshness(seen, policy, root / RUNBOOK_FOLDER, document)
    wanted = document_id(seen.state.identity.hostname, answer.now)
    good = {Freshness.FRESH, Freshness.STALE_MINOR} if minor else {Freshness.FRESH}
    if not document:
        return Converged(
            False,
            "Which runbook lies printed is not recorded. Print it (bootkeep runbook --write), file it, and put its id, "
            f"{wanted}, into pillar: bootkeep:site:printed_runbook.",
        )
    if answer.freshness in good:
        return Converged(True, f"The printed copy is good. {answer.sentence}")
    return Converged(
        False,
        f"The printed copy is not good. {answer.sentence}. Print {wanted}, file it, and put its id into pillar: "
        "bootkeep:site:printed_runbook.",
    )
