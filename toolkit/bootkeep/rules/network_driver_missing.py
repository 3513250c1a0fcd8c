"""B06: the kernel of the next boot has no driver for a network card that works now.

linux-modules-extra that was not installed for the new version, a module that was dropped or moved to another package. The
machine boots and nobody reaches it: AT_RISK. Only cards with a driver in a module are compared, and only with kernels that are
installed; a name that the new kernel has built in counts as there.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.facts.surroundings import NetworkDrivers
from bootkeep.facts.unknown import Unknown
from bootkeep.rules.common import default_kernel, installed_kernels
from bootkeep.rules.rule import Rule

RULE = Rule("network-driver-missing", "B06")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Compare the cards' drivers with the default kernel's modules."""
    network = state.around.network
    default = default_kernel(state)
    if isinstance(state.container, str) or default is None:
        return
    if isinstance(network, Unknown):
        if installed_kernels(state) and isinstance(state.running_release, str):
            yield RULE.unknown("whether the next kernel drives the network cards", network.why)
        return
    if not isinstance(network, NetworkDrivers):
        return
    lost = dict(network.missing).get(default.release, ())
    cards = [f"{card} ({driver})" for card, driver in network.cards if driver in lost]
    if cards:
        yield RULE.finding(
            Severity.AT_RISK,
            f"The kernel of the next boot, {default.release}, has no driver for {', '.join(cards)}: the machine may come up "
            "unreachable.",
            ("/sys/class/net", ", ".join(cards)),
            (f"/lib/modules/{default.release}/modules.dep", f"lacks {', '.join(lost)}"),
            subject=default.release,
        )
