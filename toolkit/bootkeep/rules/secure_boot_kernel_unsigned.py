"""B33: Secure Boot is on, and a kernel carries no signature.

shim's GRUB refuses it: ``bad shim signature``. Only the presence of a signature is judged: by whom it is, and whether shim trusts
that key, is for sbverify and mokutil to say. Default kernel: WILL_NOT_BOOT. Another: AT_RISK.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.machine import Firmware
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Unknown
from bootkeep.rules.common import all_kernels, default_kernel, label
from bootkeep.rules.rule import Rule

RULE = Rule("secure-boot-kernel-unsigned", "B33")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Look at each image's certificate table."""
    if not isinstance(state.firmware, Firmware):
        return
    if isinstance(state.firmware.secure_boot, Unknown) and isinstance(state.running_release, str):
        yield RULE.unknown("what Secure Boot refuses", state.firmware.secure_boot.why)
    if state.firmware.secure_boot is not True:
        return
    default = default_kernel(state)
    for kernel in all_kernels(state):
        if isinstance(kernel.signed, Unknown):
            yield RULE.unknown(f"whether {label(kernel)} is signed", kernel.signed.why)
        elif kernel.signed is not True:
            yield RULE.finding(
                Severity.WILL_NOT_BOOT if kernel is default else Severity.AT_RISK,
                f"Secure Boot is on, and the kernel {label(kernel)} carries no signature: the boot loader refuses it.",
                (kernel.image.path, "no certificate table"),
                subject=kernel.release,
            )
