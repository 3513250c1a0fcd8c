"""B16: an initramfs is missing, empty, cut short, or holds nothing for its kernel.

Every image is read to its last byte, as the kernel does. Damage to the image of the default entry: WILL_NOT_BOOT. To another
kernel's: AT_RISK, because that kernel is the way back. A kernel without any image counts only where its package or its
menu entry says that it wants one.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.kernel import Initramfs, Kernel
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.rules.common import (
    all_kernels,
    default_boot_entry,
    default_kernel,
    label,
    needs_no_initramfs,
)
from bootkeep.rules.rule import Rule

RULE = Rule("initramfs-damaged", "B16")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Look at each kernel's image."""
    default = default_kernel(state)
    entry = default_boot_entry(state)
    for kernel in all_kernels(state):
        severity = Severity.WILL_NOT_BOOT if kernel is default else Severity.AT_RISK
        image = kernel.initramfs
        if isinstance(image, Unknown):
            yield RULE.unknown(f"the initramfs of {label(kernel)}", image.why)
        elif isinstance(image, Absent):
            # An entry that names the missing file is reported by its own rule: one defect, one finding.
            named = kernel is default and entry is not None and entry.initramfs_paths
            if not needs_no_initramfs(kernel) and not named and not _named_elsewhere(state, kernel):
                yield RULE.finding(
                    Severity.AT_RISK,
                    f"Kernel {label(kernel)} has no initramfs: it cannot find its root file system.",
                    ("/boot", image.what),
                    subject=kernel.release,
                )
        else:
            yield from _contents(kernel, image, severity)


def _named_elsewhere(state: BootState, kernel: Kernel) -> bool:
    if not isinstance(state.grub, (Absent, Unknown)):
        return any(entry.kernel_path == kernel.image.path and entry.initramfs_paths for entry in state.grub.entries)
    return False


def _contents(kernel: Kernel, image: Initramfs, severity: Severity) -> Iterable[Finding]:
    path = image.file.path
    if image.listing_error:
        yield RULE.finding(
            severity,
            f"The initramfs of {label(kernel)} is damaged: {image.listing_error}.",
            (path, f"{image.file.size_bytes} bytes: {image.listing_error}"),
            subject=path,
        )
    elif isinstance(image.has_init, Unknown):
        yield RULE.unknown(f"the initramfs of {label(kernel)}", image.has_init.why)
    elif image.has_init is False:
        yield RULE.finding(
            severity,
            f"The initramfs of {label(kernel)} has no /init: the kernel panics with 'No working init found'.",
            (path, f"{image.entries} files, no /init"),
            subject=path,
        )
    elif image.releases and kernel.release not in image.releases:
        yield RULE.finding(
            severity,
            f"The initramfs of {label(kernel)} holds the modules of another kernel ({', '.join(image.releases)}).",
            (path, f"lib/modules/{image.releases[0]}"),
            subject=path,
        )
