"""B22: an initramfs lacks a module that the way to the root file system needs.

The way is read from /sys of the running machine (file system, mapper, disk, controller, bus); each module on it has to be in
the image or built into *that* kernel: a driver that the running kernel has built in counts for every kernel that has it as
a module. Default kernel: WILL_NOT_BOOT. Another: AT_RISK. Where the way cannot be followed
(a rescue root, an overlay) the question stays UNKNOWN, because a GO would promise an answer that nobody had.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.kernel import Initramfs, Kernel
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.rules.common import all_kernels, default_kernel, label
from bootkeep.rules.rule import Rule

RULE = Rule("initramfs-driver-missing", "B22")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Compare the drivers of the root device with each image."""
    if not isinstance(state.root_drivers, tuple):
        # A container is not started through an initramfs; its host's root tells nothing about this one.
        if isinstance(state.root_drivers, Unknown) and state.kernels and not isinstance(state.container, str):
            yield RULE.unknown("whether every initramfs can reach the root file system", state.root_drivers.why)
        return
    default = default_kernel(state)
    for kernel in all_kernels(state):
        drivers = wanted_drivers(state, kernel)
        missing = missing_drivers(kernel, drivers)
        if isinstance(missing, Unknown):
            yield RULE.unknown(f"whether the initramfs of {label(kernel)} reaches the root file system", missing.why)
            continue
        if missing:
            image = kernel.initramfs.file.path if isinstance(kernel.initramfs, Initramfs) else ""
            yield RULE.finding(
                Severity.WILL_NOT_BOOT if kernel is default else Severity.AT_RISK,
                f"The initramfs of {label(kernel)} lacks {', '.join(missing)}, which the way to the root file system needs.",
                (image, f"modules on the way to the root file system: {', '.join(drivers)}"),
                subject=kernel.release,
            )


def wanted_drivers(state: BootState, kernel: Kernel) -> tuple[str, ...]:
    """What the way to the root needs as modules in this kernel, also where the running kernel has it built in."""
    drivers = state.root_drivers if isinstance(state.root_drivers, tuple) else ()
    return (*drivers, *dict(state.root_drivers_elsewhere).get(kernel.release, ()))


def missing_drivers(kernel: Kernel, drivers: tuple[str, ...]) -> tuple[str, ...] | Unknown:
    """Modules that are neither in the image nor built in; none when the image is damaged or missing (another rule says so)."""
    image, tree = kernel.initramfs, kernel.modules
    if not isinstance(image, Initramfs) or not isinstance(image.modules, frozenset) or image.has_init is not True:
        return ()
    wanted = tuple(name for name in drivers if name not in image.modules)
    if not wanted or isinstance(tree, Absent):
        return ()
    if isinstance(tree, Unknown):
        return tree
    if isinstance(tree.builtin, Unknown):
        return tree.builtin
    built_in = tree.builtin if isinstance(tree.builtin, frozenset) else frozenset()
    return tuple(name for name in wanted if name not in built_in)
