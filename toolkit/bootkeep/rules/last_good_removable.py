"""B04: the next ``apt autoremove`` may take away the kernel that is proven to boot.

apt keeps the running kernel and the newest ones that it installed; a last-good kernel that is neither, and that was installed
only because a metapackage needed it, is not wanted any more. ADVICE: it is a removal that somebody may start later (the
guard refuses it where it is switched on), and never a reason not to reboot now.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.kernel import LastGood, OwningPackage
from bootkeep.facts.policy import Policy
from bootkeep.rules.common import installed_kernels
from bootkeep.rules.rule import Rule

RULE = Rule("last-good-removable", "B04")

#: apt's APT::NeverAutoRemove covers the running kernel and the two newest (apt-pkg/algorithms.cc, GetProtectedKernelsRegex).
_KEPT = 2


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Find the last-good kernel's package in apt's record of automatic ones."""
    good, automatic = state.last_good, state.around.automatic
    if not isinstance(good, LastGood) or not isinstance(automatic, frozenset) or good.release == state.running_release:
        return
    kernels = installed_kernels(state)
    if any(kernel.release == good.release for kernel in kernels[:_KEPT]):
        return
    for kernel in kernels:
        package = kernel.package
        if kernel.release == good.release and isinstance(package, OwningPackage) and package.name in automatic:
            yield RULE.finding(
                Severity.ADVICE,
                f"The last-good kernel {good.release} is neither running nor among the newest: apt autoremove may take it away.",
                ("/var/lib/apt/extended_states", f"{package.name}: Auto-Installed: 1"),
                subject=good.release,
            )
