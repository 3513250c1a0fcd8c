"""B02: the running kernel can load no further module, because its modules were removed or replaced under it.

ADVICE, on purpose: a reboot into a whole kernel is the cure, so this must not veto one. Whether there is such a kernel is
judged by the other rules. In a container the kernel belongs to the host around it: then nothing here follows from its name.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.kernel import Kernel
from bootkeep.facts.policy import Policy
from bootkeep.rules.common import all_kernels, has_modules
from bootkeep.rules.rule import Rule

RULE = Rule("running-modules-missing", "B02")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Look for the modules of the kernel that runs. Nothing to say about a mounted root: no kernel of it runs."""
    release = state.running_release
    if not isinstance(release, str) or not isinstance(state.kernels, tuple):
        return
    own = [kernel for kernel in all_kernels(state) if kernel.release == release]
    if any(has_modules(kernel) or not _modular(state) for kernel in own):
        return
    evidence = ("/proc/sys/kernel/osrelease", release)
    if isinstance(state.container, str) and not own:
        yield RULE.finding(
            Severity.ADVICE,
            f"This is a container ({state.container}): the running kernel {release} belongs to the host around it, so the "
            "verdict is about the kernels in this root's /boot only.",
            evidence,
            ("/run/systemd/container", state.container),
            subject=release,
        )
        return
    if not own and not _loaded(state):
        return  # a kernel started from outside (PXE, microVM) with everything built in: it misses nothing
    yield RULE.finding(
        Severity.ADVICE,
        f"The modules of the running kernel {release} are gone: until the next boot no further module can be loaded "
        "(vfat for the ESP, USB, a VPN, a firewall rule).",
        evidence,
        ("/lib/modules", ", ".join(_releases(all_kernels(state))) or "no modules tree"),
        subject=release,
    )


def _loaded(state: BootState) -> bool:
    return bool(isinstance(state.running_modules, tuple) and state.running_modules)


def _modular(state: BootState) -> bool:
    """/proc/modules does not exist on a kernel that was built without loadable modules."""
    return isinstance(state.running_modules, tuple)


def _releases(kernels: tuple[Kernel, ...]) -> list[str]:
    return [kernel.release for kernel in kernels if has_modules(kernel)]
