"""B08: another boot loader than GRUB is in charge, and this version does not judge its entries.

systemd-boot, a unified kernel image, extlinux: recognised by their files and, on UEFI machines, by the firmware's first entry. What
they start is not looked into, so the machine is UNKNOWN and never GO, also where GRUB's files lie beside them. A loader that
lies on the partition and is started by nobody decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding
from bootkeep.facts.loaders import Esp
from bootkeep.facts.machine import Firmware
from bootkeep.facts.policy import Policy
from bootkeep.rules.rule import Rule

RULE = Rule("boot-loader-not-covered", "B08")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Name the loader in charge."""
    if isinstance(state.container, str):
        return
    named = _first_in_firmware(state)
    if named:
        yield RULE.unknown("what the boot loader starts", f"the firmware starts {named}, whose entries are not judged")
    elif "GRUB" not in state.loaders.present and state.loaders.present:
        others = ", ".join(state.loaders.present)
        yield RULE.unknown("what the boot loader starts", f"{others} is in charge, whose entries are not judged")


def _first_in_firmware(state: BootState) -> str:
    """The foreign loader of the first active entry that leads to a file; empty when it is shim's or GRUB's, or not known."""
    firmware, esps = state.firmware, state.loaders.esps
    if not isinstance(firmware, Firmware) or not isinstance(firmware.entries, tuple) or not isinstance(esps, tuple):
        return ""
    entries = {entry.number: entry for entry in firmware.entries}
    for number in firmware.boot_order:
        entry = entries.get(number)
        if entry is None or not entry.active or not entry.partition_uuid:
            continue
        path = entry.loader.replace("\\", "/").strip("/").lower()
        there = any(
            isinstance(esp, Esp)
            and esp.partition_uuid.lower() == entry.partition_uuid.lower()
            and esp.file(path) is not None
            for esp in esps
        )
        if there:
            return "systemd-boot" if "systemd" in path else "a unified kernel image" if "/linux/" in path else ""
    return ""
