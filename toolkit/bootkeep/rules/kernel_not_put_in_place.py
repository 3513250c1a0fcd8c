"""B30: a kernel's package is installed, and its scripts did not bring the kernel to /boot.

EL's and SUSE's packages keep the image in the modules tree; a script at the very end of the transaction copies it to /boot, builds
the initramfs and writes the entry. One failing DKMS module or plugin in there, and rpm still ends with 0. AT_RISK: the update
is not in force, and the next removal of an old kernel may take the last one that boots.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Absent
from bootkeep.rules.common import installed_kernels
from bootkeep.rules.rule import Rule

RULE = Rule("kernel-not-put-in-place", "B30")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Look for packaged kernels that are not in /boot, and for images there without their initramfs and entry."""
    if not isinstance(state.kernel_packages, tuple) or not isinstance(state.kernels, tuple):
        return  # no rpm machine, or said by package-transaction-unfinished and fallback-kernel-missing
    there = {kernel.release: kernel for kernel in installed_kernels(state)}
    for release, package in state.kernel_packages:
        kernel = there.get(release)
        missing = "no image of it in /boot" if kernel is None else ""
        if kernel is not None and isinstance(kernel.initramfs, Absent):
            missing = "no initramfs"
        if missing:
            yield RULE.finding(
                Severity.AT_RISK,
                f"The package {package.name} {package.version} is installed, with {missing}: its last script did not finish.",
                (f"rpm -q {package.name}", f"{package.version}: /lib/modules/{release}/vmlinuz"),
                ("/boot", "\n".join(kernel.image.path for kernel in there.values()) or "no kernel image"),
                subject=release,
            )
