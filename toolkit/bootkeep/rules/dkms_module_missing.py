"""B31: a module that DKMS keeps is not built for the kernel of the next boot.

It is built for another installed kernel, so somebody needs it: a network card, a file system, a graphics driver. ZFS carrying the
root file system: WILL_NOT_BOOT. Else AT_RISK. A module that is built for no kernel at all is ADVICE: nobody can be using it.
A kernel that the module's own dkms.conf excludes (BUILD_EXCLUSIVE_KERNEL, _ARCH, _CONFIG) has it missing on purpose: no finding,
but for ZFS below the root, which that kernel cannot mount whatever the purpose was.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Unknown
from bootkeep.rules.common import default_kernel, installed_kernels
from bootkeep.rules.rule import Rule

RULE = Rule("dkms-module-missing", "B31")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Compare the kernels that each module is installed for with the default one."""
    default = default_kernel(state)
    if default is None or not _uses_dkms(state):
        return
    modules = state.around.dkms
    if isinstance(modules, Unknown):
        yield RULE.unknown("whether DKMS built its modules for the next kernel", modules.why)
        return
    if not isinstance(modules, tuple):
        return
    releases = {kernel.release for kernel in installed_kernels(state)}
    for name in sorted({module.name for module in modules}):
        built = {release for module in modules if module.name == name for release in module.releases}
        root = name == "zfs" and "zfs" in _root_file_systems(state)
        on_purpose = all(default.release in module.excluded for module in modules if module.name == name)
        if default.release in built or (on_purpose and not root):
            continue
        used = bool(built & releases)
        yield RULE.finding(
            Severity.WILL_NOT_BOOT if used and root else Severity.AT_RISK if used else Severity.ADVICE,
            f"The DKMS module {name} is not installed for {default.release}, which starts next"
            + (f"; it is for {', '.join(sorted(built & releases))}." if used else ", nor for any other kernel."),
            (f"/var/lib/dkms/{name}", ", ".join(sorted(built)) or "installed for no kernel"),
            subject=f"{name} {default.release}",
        )


def _uses_dkms(state: BootState) -> bool:
    return isinstance(state.packages, tuple) and any(
        package.name == "dkms" and package.state == "installed" for package in state.packages
    )


def _root_file_systems(state: BootState) -> set[str]:
    return (
        {mount.file_system for mount in state.mounts if mount.target == "/"}
        if isinstance(state.mounts, tuple)
        else set()
    )
