"""B12: grubenv is not an environment block any more.

GRUB says ``invalid environment block`` and goes on without what it remembered: the saved default is lost, and grub-reboot and
grub-set-default no longer work. AT_RISK where the menu asks it for the default, else ADVICE. A missing grubenv is in order
unless the menu asks for it (B08 says what starts then).
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.loaders import GrubEnvironment
from bootkeep.facts.policy import Policy
from bootkeep.rules.common import entries_of
from bootkeep.rules.rule import Rule

RULE = Rule("grub-environment-damaged", "B12")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Pass on what the block's own form says."""
    environment = state.loaders.environment
    if not isinstance(environment, GrubEnvironment) or not environment.damage or not entries_of(state):
        return
    yield RULE.finding(
        Severity.AT_RISK if state.loaders.asks_environment else Severity.ADVICE,
        "GRUB's environment block /boot/grub/grubenv is damaged: what was saved as default is lost, and grub-reboot fails.",
        ("/boot/grub/grubenv", environment.damage),
        subject="/boot/grub/grubenv",
    )
