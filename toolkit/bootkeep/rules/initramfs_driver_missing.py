"""B22: an initramfs lacks a module that the way to the root file system needs.

The way is read from /sys of the running machine (file system, mapper, disk, controller, bus); each module on it has to be in
the image or built into that kernel. Default kernel: WILL_NOT_BOOT. Another: AT_RISK. Unknown ways (containers, rescue roots)
are not judged here: what runs there is no proof of what the machine needs, so no finding is made of it, only for a live
machine whose root device is known.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.kernel import Initramfs, Kernel, ModulesTree
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Unknown
from bootkeep.rules.common import all_kernels, default_kernel, label
from bootkeep.rules.rule import Rule

RULE = Rule("initramfs-driver-missing", "B22")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Compare the drivers of the root device with each image."""
    if not isinstance(state.root_drivers, tuple):
        if isinstance(state.root_drivers, Unknown) and isinstance(state.running_release, str):
            yield RULE.unknown("whether every initramfs can reach the root file system", state.root_drivers.why)
        return
    default = default_kernel(state)
    for kernel in all_kernels(state):
        missing = missing_drivers(kernel, state.root_drivers)
        if missing:
            image = kernel.initramfs.file.path if isinstance(kernel.initramfs, Initramfs) else ""
            yield RULE.finding(
                Severity.WILL_NOT_BOOT if kernel is default else Severity.AT_RISK,
                f"The initramfs of {label(kernel)} lacks {', '.join(missing)}, which the way to the root file system needs.",
                (image, f"modules on the way to the root file system: {', '.join(state.root_drivers)}"),
                subject=kernel.release,
            )


def missing_drivers(kernel: Kernel, drivers: tuple[str, ...]) -> tuple[str, ...]:
    """Modules that are neither in the image nor built in; none when either could not be read (another rule says so)."""
    image, tree = kernel.initramfs, kernel.modules
    if not isinstance(image, Initramfs) or not isinstance(image.modules, frozenset) or image.has_init is not True:
        return ()
    if not isinstance(tree, ModulesTree) or not isinstance(tree.builtin, frozenset):
        return ()
    return tuple(name for name in drivers if name not in image.modules and name not in tree.builtin)
