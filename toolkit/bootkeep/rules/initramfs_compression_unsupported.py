"""B28: an initramfs is compressed in a way that its kernel cannot unpack.

The kernel's configuration says what it can (CONFIG_RD_*). Observed: ``Initramfs unpacking failed: invalid magic``, then
``VFS: Unable to mount root fs``. Default kernel: WILL_NOT_BOOT. Another: AT_RISK. A kernel without /boot/config-<release> is
not judged: it was built by hand, and its builder knows.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.kernel import Initramfs
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Unknown
from bootkeep.rules.common import all_kernels, default_kernel, label
from bootkeep.rules.rule import Rule

RULE = Rule("initramfs-compression-unsupported", "B28")

_OPTIONS = {
    "gzip": "CONFIG_RD_GZIP",
    "bzip2": "CONFIG_RD_BZIP2",
    "lzma": "CONFIG_RD_LZMA",
    "xz": "CONFIG_RD_XZ",
    "lzo": "CONFIG_RD_LZO",
    "lz4": "CONFIG_RD_LZ4",
    "zstd": "CONFIG_RD_ZSTD",
}


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Compare each image with its kernel's configuration."""
    default = default_kernel(state)
    for kernel in all_kernels(state):
        image = kernel.initramfs
        if not isinstance(image, Initramfs) or image.listing_error:
            continue
        if isinstance(kernel.config, Unknown):
            yield RULE.unknown(f"whether {label(kernel)} can unpack its initramfs", kernel.config.why)
        if not isinstance(kernel.config, tuple):
            continue
        option = _OPTIONS.get(image.compression)
        if option and dict(kernel.config).get(option, "n") != "y":
            yield RULE.finding(
                Severity.WILL_NOT_BOOT if kernel is default else Severity.AT_RISK,
                f"The initramfs of {label(kernel)} is compressed with {image.compression}, which that kernel cannot unpack.",
                (image.file.path, image.compression),
                (f"/boot/config-{kernel.release}", f"# {option} is not set"),
                subject=kernel.release,
            )
