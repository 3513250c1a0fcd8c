"""B29: the kernel is started with fips=1, and the digest of its image is not there.

The initramfs of a FIPS system verifies /boot/.vmlinuz-<release>.hmac before it goes on, and stops the machine when it cannot
(``fips-selftests failed``). WILL_NOT_BOOT for the default entry's kernel.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_entry import BootEntry
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.rules.common import default_boot_entry, kernel_of_entry
from bootkeep.rules.fstab_device_missing import resolves
from bootkeep.rules.rule import Rule

RULE = Rule("fips-digest-missing", "B29")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Look for the digest beside the image."""
    entry = default_boot_entry(state)
    if entry is None or "fips=1" not in entry.arguments.split() or not isinstance(state.boot_files, tuple):
        return
    yield from _boot_argument(state, entry)
    kernel = kernel_of_entry(state, entry)
    if kernel is None:
        return
    wanted = f"/boot/.vmlinuz-{kernel.release}.hmac"
    if wanted not in state.boot_files:
        yield RULE.finding(
            Severity.WILL_NOT_BOOT,
            f"The default boot entry asks for FIPS mode, and {wanted} does not exist: the initramfs stops the machine.",
            (entry.source, entry.arguments),
            subject=kernel.release,
        )


def _boot_argument(state: BootState, entry: BootEntry) -> Iterable[Finding]:
    """The initramfs mounts boot= to find the digest; the ESP instead of /boot is the usual mistake (RHEL8-STIG#358)."""
    named = next((word.partition("=")[2] for word in entry.arguments.split() if word.startswith("boot=")), "")
    if not named or not isinstance(state.block_devices, tuple) or isinstance(state.container, str):
        return
    boot = next((each for each in state.block_devices if "/boot" in each.mountpoints), None)
    if resolves(named, (boot,) if boot is not None else state.block_devices) is False:
        yield RULE.finding(
            Severity.WILL_NOT_BOOT,
            f"FIPS mode looks for the digest on boot={named}, which is not this machine's /boot: the initramfs stops the machine.",
            (entry.source, entry.arguments),
            ("lsblk", f"/boot is {boot.path} {boot.uuid}" if boot is not None else f"nothing is called {named}"),
            subject=f"boot={named}",
        )
