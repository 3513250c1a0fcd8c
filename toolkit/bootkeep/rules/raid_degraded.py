"""B24: an array that a boot needs has lost a member.

A degraded array starts, but the next failure is the last one, and a disk that falls out while the machine starts leaves
nothing. AT_RISK for the arrays below /, /boot and /usr that are degraded; ADVICE for others and while a rebuild runs.
WILL_NOT_BOOT when such an array is not active at all.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.facts.stacks import RaidArray
from bootkeep.facts.unknown import Unknown
from bootkeep.probes.storage.chains import below
from bootkeep.rules.rule import Rule

RULE = Rule("raid-degraded", "B24")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Read /proc/mdstat against what the machine stands on."""
    needed = {each.name for each in below(state, "/", "/usr", "/boot", "/var") if each.kind.startswith(("raid", "md"))}
    arrays = state.stacks.arrays
    if isinstance(arrays, Unknown) and needed:
        yield RULE.unknown("whether the RAID arrays are whole", arrays.why)
    if not isinstance(arrays, tuple):
        return
    for array in arrays:
        if array.active and array.degraded:
            yield _degraded(array, array.name in needed)


def _degraded(array: RaidArray, needed: bool) -> Finding:
    failed = f" ({', '.join(array.failed)} failed)" if array.failed else ""
    rebuilding = ", and is being rebuilt" if array.rebuilding else ""
    return RULE.finding(
        Severity.AT_RISK if needed and not array.rebuilding else Severity.ADVICE,
        f"{array.name} ({array.level}) works with {array.working} of {array.wanted} members{failed}{rebuilding}: "
        + ("the machine starts from it." if needed else "nothing that a boot needs lies on it."),
        ("/proc/mdstat", f"{array.name} {array.level} [{array.wanted}/{array.working}]"),
        subject=array.name,
    )
