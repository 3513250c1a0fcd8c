"""B14: GRUB's menu waits for a key without end.

GRUB_TIMEOUT=-1 always does; GRUB_RECORDFAIL_TIMEOUT=-1 (Ubuntu) after a boot that was not finished, which is just when nobody
stands before the machine. AT_RISK: after the reboot the machine is silent until somebody presses a key. A person at the
console may want it so: that is what a written acceptance is for.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.loaders import GrubTimeouts
from bootkeep.facts.policy import Policy
from bootkeep.rules.common import entries_of
from bootkeep.rules.rule import Rule

RULE = Rule("grub-waits-for-a-person", "B14")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Read the timeouts that stand in grub.cfg."""
    timeouts = state.loaders.timeouts
    if not isinstance(timeouts, GrubTimeouts) or not entries_of(state):
        return
    if timeouts.ordinary is not None and timeouts.ordinary < 0:
        yield RULE.finding(
            Severity.AT_RISK,
            "GRUB's menu waits for a key without end: nobody may be there to press it.",
            ("/boot/grub/grub.cfg", f"set timeout={timeouts.ordinary}"),
            subject="timeout",
        )
    elif timeouts.after_failure is not None and timeouts.after_failure < 0:
        yield RULE.finding(
            Severity.AT_RISK,
            "After a boot that was not finished GRUB's menu waits for a key without end.",
            ("/boot/grub/grub.cfg", f"recordfail: set timeout={timeouts.after_failure}"),
            subject="recordfail",
        )
