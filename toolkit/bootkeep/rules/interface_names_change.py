"""B42: the network interfaces get other names at the next boot.

``net.ifnames=``, ``biosdevname=`` and ``net.naming-scheme=`` on the command line decide between eth0 and enp1s0. The running kernel
was started with them and the next boot is not, or the other way round: configuration by name finds no interface. AT_RISK: the
machine comes up and nobody reaches it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Unknown
from bootkeep.rules.common import default_boot_entry
from bootkeep.rules.rule import Rule

RULE = Rule("interface-names-change", "B42")

_NAMING = re.compile(r"(?:^|\s)((?:net\.ifnames|biosdevname|net\.naming-scheme)=\S+)")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Compare the naming arguments of now and next."""
    entry = default_boot_entry(state)
    if entry is None or isinstance(state.container, str):
        return
    # From a rescue shell nothing that runs is known: initramfs-driver-missing says so once for all.
    if isinstance(state.running_arguments, Unknown) and isinstance(state.running_release, str):
        yield RULE.unknown("whether the network interfaces keep their names", state.running_arguments.why)
    if not isinstance(state.running_arguments, str):
        return
    now, then = (naming_arguments(text) for text in (state.running_arguments, entry.arguments))
    if now != then:
        yield RULE.finding(
            Severity.AT_RISK,
            "The next boot names network interfaces by other rules than this one: "
            f"{' '.join(then) or 'none'} instead of {' '.join(now) or 'none'}.",
            ("/proc/cmdline", state.running_arguments),
            (entry.source, entry.arguments),
            subject=entry.full_id,
        )


def naming_arguments(arguments: str) -> tuple[str, ...]:
    """The naming arguments of a command line, sorted; of several of one name the last counts."""
    found = {word.partition("=")[0]: word for word in _NAMING.findall(arguments)}
    return tuple(sorted(found.values()))
