"""B01: there is nothing to fall back to.

Threshold: ``policy.minimum_kernels`` (2) different kernels whose image and modules are whole. Two is the least number with
which a new kernel that does not come up can be answered from the boot menu. A preserved copy counts when the menu has an
entry for it: that is what it is kept for. Damage to an initramfs or to the menu is judged by its own rule, not here.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.kernel import Kernel
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.rules.common import (
    OUTSIDE,
    all_kernels,
    entries_of,
    has_grub,
    has_modules,
    label,
    needs_no_initramfs,
    state_path,
)
from bootkeep.rules.rule import Rule

RULE = Rule("fallback-kernel-missing", "B01")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Count what could be booted."""
    if not isinstance(state.kernels, tuple):
        why = state.kernels.why if isinstance(state.kernels, Unknown) else f"{state.kernels.what} is not there"
        yield RULE.unknown("which kernels this machine could boot", why)
        return
    unread = next((kernel.modules for kernel in all_kernels(state) if isinstance(kernel.modules, Unknown)), None)
    usable = _distinct(kernel for kernel in all_kernels(state) if _usable(state, kernel))
    wanted = max(1, policy.minimum_kernels)
    if len(usable) >= wanted:
        return
    if unread is not None:
        yield RULE.unknown("which kernels this machine could boot", unread.why)
        return
    listing = "\n".join(_row(kernel) for kernel in all_kernels(state)) or "no kernel image"
    if not all_kernels(state) and _started_from_outside(state):
        yield RULE.unknown("which kernels this machine could boot", OUTSIDE)
        return
    if not usable:
        yield RULE.finding(
            Severity.WILL_NOT_BOOT,
            "No kernel in /boot is whole (image and modules): this machine has nothing to boot.",
            ("/boot", listing),
        )
        return
    names = ", ".join(label(kernel) for kernel in usable)
    yield RULE.finding(
        Severity.AT_RISK,
        f"Only {len(usable)} of at least {wanted} bootable kernels is here ({names}): if it does not come up, "
        "there is nothing to fall back to.",
        ("/boot", listing),
        subject=usable[0].release,
    )


def _started_from_outside(state: BootState) -> bool:
    """No kernel, no menu and no boot loader's package: a container, a PXE client, a microVM, or an unmounted /boot."""
    return isinstance(state.grub, Absent) and not has_grub(state)


def _distinct(kernels: Iterable[Kernel]) -> list[Kernel]:
    """Each image once: a copy under another name fails where its original fails."""
    found: dict[str, Kernel] = {}
    for kernel in kernels:
        found.setdefault(kernel.image.sha256 if isinstance(kernel.image.sha256, str) else kernel.image.path, kernel)
    return list(found.values())


def _usable(state: BootState, kernel: Kernel) -> bool:
    if kernel.image_error or not (has_modules(kernel) or needs_no_initramfs(kernel)):
        return False
    if kernel.preserved:
        return any(state_path(state, entry.kernel_path) == kernel.image.path for entry in entries_of(state))
    return True


def _row(kernel: Kernel) -> str:
    modules = "modules" if has_modules(kernel) else "no whole modules tree"
    return f"{kernel.image.path}: {kernel.image_error or 'whole'}, {modules}"
