"""B36: no boot entry of the firmware leads to a loader that is there, and no fallback loader is.

Every entry of BootOrder names a partition and a file; both are looked up. Firmware that has lost its entries starts
\\EFI\\BOOT\\BOOTX64.EFI. Neither: WILL_NOT_BOOT. A fallback loader alone is in order: cloud images and removable disks start
so. Entries that name no partition (network, shell, setup) decide nothing. Judged only where the partitions' own identifiers and
files are known.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.loaders import Esp
from bootkeep.facts.machine import Firmware, FirmwareEntry
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Unknown
from bootkeep.rules.rule import Rule

RULE = Rule("firmware-entry-missing", "B36")

_FALLBACKS = ("EFI/BOOT/BOOTX64.EFI", "EFI/BOOT/BOOTAA64.EFI", "EFI/BOOT/BOOTIA32.EFI")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Follow the entries in their order."""
    firmware, esps = state.firmware, state.loaders.esps
    if not isinstance(firmware, Firmware) or firmware.mode != "uefi" or isinstance(state.container, str):
        return
    if isinstance(firmware.entries, Unknown) and isinstance(state.running_release, str):
        yield RULE.unknown("which boot loader the firmware starts", firmware.entries.why)
    if not isinstance(firmware.entries, tuple):
        return
    known = [esp for esp in esps if isinstance(esp, Esp)] if isinstance(esps, tuple) else []
    if (
        not known
        or not isinstance(esps, tuple)
        or len(known) != len(esps)
        or not all(esp.partition_uuid for esp in known)
    ):
        return
    entries = {entry.number: entry for entry in firmware.entries}
    ordered = [entries[number] for number in firmware.boot_order if number in entries]
    if any(_leads_to(entry, known) for entry in ordered if entry.active):
        return
    if any(esp.file(path) for esp in known for path in _FALLBACKS):
        return
    listed = "\n".join(f"{entry.number} {entry.label} {entry.partition_uuid} {entry.loader}" for entry in ordered)
    yield RULE.finding(
        Severity.WILL_NOT_BOOT,
        "No boot entry of the firmware leads to a boot loader on this machine's disks, and there is no fallback loader.",
        ("boot entries of the firmware", listed or "no entries"),
        subject="BootOrder",
    )


def _leads_to(entry: FirmwareEntry, esps: list[Esp]) -> bool:
    path = entry.loader.replace("\\", "/").strip("/")
    return any(
        esp.partition_uuid.lower() == entry.partition_uuid.lower() and esp.file(path) is not None
        for esp in esps
        if entry.partition_uuid and path
    )
