"""B24: the root file system lies on an md array, and an initramfs has no ``mdadm`` to assemble it.

By itself the kernel assembles only arrays with metadata 0.90, and only where md is built in (in Debian it is a module).
Default kernel: WILL_NOT_BOOT (the root device never appears). Another kernel: AT_RISK.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.kernel import Initramfs
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Unknown
from bootkeep.probes.storage.chains import initramfs_devices
from bootkeep.rules.common import all_kernels, default_kernel, label
from bootkeep.rules.rule import Rule

RULE = Rule("initramfs-raid-missing", "B24")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Look for the program in every image."""
    arrays = [each for each in initramfs_devices(state) if each.kind.startswith(("raid", "linear"))]
    if not arrays:
        return
    default = default_kernel(state)
    for kernel in all_kernels(state):
        image = kernel.initramfs
        if not isinstance(image, Initramfs) or image.listing_error or image.has_init is not True:
            continue
        if isinstance(image.tools, Unknown):
            yield RULE.unknown(f"whether the initramfs of {label(kernel)} assembles arrays", image.tools.why)
        elif isinstance(image.tools, frozenset) and "mdadm" not in image.tools:
            yield RULE.finding(
                Severity.WILL_NOT_BOOT if kernel is default else Severity.AT_RISK,
                f"The initramfs of {label(kernel)} has no mdadm: the array {arrays[0].path} with the root file system stays off.",
                (image.file.path, f"programs inside: {', '.join(sorted(image.tools)) or 'none that is known'}"),
                subject=kernel.release,
            )
