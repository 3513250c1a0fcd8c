"""B27: the root file system lies on a multipath device, and an initramfs knows nothing of multipath.

The kernel then takes one path for the disk: LVM and fstab may find a device twice or busy, and a dead path is a dead machine.
Debian: package multipath-tools-boot. Default kernel: WILL_NOT_BOOT is too much said (one path often works), so AT_RISK.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.kernel import Initramfs
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Unknown
from bootkeep.probes.storage.chains import initramfs_devices
from bootkeep.rules.common import all_kernels, label
from bootkeep.rules.rule import Rule

RULE = Rule("multipath-not-in-initramfs", "B27")

_PROGRAMS = frozenset({"multipath", "multipathd"})


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Look for the program in every image, and for the device in the list of known ones."""
    devices = [each for each in initramfs_devices(state) if each.kind == "mpath"]
    if not devices:
        return
    for kernel in all_kernels(state):
        image = kernel.initramfs
        if not isinstance(image, Initramfs) or image.listing_error:
            continue
        if isinstance(image.tools, Unknown):
            yield RULE.unknown(f"whether the initramfs of {label(kernel)} knows multipath", image.tools.why)
        elif isinstance(image.tools, frozenset) and not image.tools & _PROGRAMS:
            yield RULE.finding(
                Severity.AT_RISK,
                f"The initramfs of {label(kernel)} has no multipath, but the root file system lies on {devices[0].path}: it "
                "would be started from a single path.",
                (image.file.path, f"programs inside: {', '.join(sorted(image.tools)) or 'none that is known'}"),
                subject=kernel.release,
            )
