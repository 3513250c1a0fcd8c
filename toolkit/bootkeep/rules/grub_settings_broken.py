"""B09: no shell can read /etc/default/grub, so no menu can be made.

The menu of now is as good as it was; the next ``update-grub`` (each kernel's installation runs it) stops in that file, the kernel's
package is left half configured, and its kernel never gets an entry. AT_RISK: an ordinary next step breaks it.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.loaders import NOT_TAKEN
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Unknown
from bootkeep.rules.common import has_grub
from bootkeep.rules.rule import Rule

RULE = Rule("grub-settings-broken", "B09")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Only where GRUB is."""
    damage = state.loaders.settings_damage
    if not has_grub(state):
        return
    if isinstance(damage, Unknown) and damage != NOT_TAKEN:
        yield RULE.unknown("whether a shell can read /etc/default/grub", damage.why)
    if isinstance(damage, str) and damage:
        yield RULE.finding(
            Severity.AT_RISK,
            f"The next update of GRUB's menu will fail: /etc/default/grub, {damage}.",
            ("/etc/default/grub", damage),
            subject="/etc/default/grub",
        )
