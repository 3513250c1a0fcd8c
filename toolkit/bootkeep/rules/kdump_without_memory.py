"""B46: kdump is switched on, and the default entry reserves no memory for it.

kdump-tools then fails at every boot, and a panic leaves neither a dump nor, where it was relied on, the reboot that comes after
one. It does not stop a boot: ADVICE.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.rules.common import default_boot_entry
from bootkeep.rules.rule import Rule

RULE = Rule("kdump-without-memory", "B46")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Look for crashkernel= where USE_KDUMP is 1."""
    entry = default_boot_entry(state)
    settings = state.around.kdump
    if entry is None or not isinstance(settings, tuple) or dict(settings).get("USE_KDUMP", "0") != "1":
        return
    if any(word.startswith("crashkernel=") for word in entry.arguments.split()):
        return
    yield RULE.finding(
        Severity.ADVICE,
        "kdump is switched on, but the default boot entry reserves no memory for it (crashkernel=).",
        ("/etc/default/kdump-tools", "USE_KDUMP=1"),
        (entry.source, entry.arguments),
        subject=entry.full_id,
    )
