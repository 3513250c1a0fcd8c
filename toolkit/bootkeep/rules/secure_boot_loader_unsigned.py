"""B37: Secure Boot is on, and the boot loader that the firmware starts carries no signature.

grub-install without --uefi-secure-boot, or a self-made image copied over the signed one: the firmware refuses it (``Security
Violation``). Every entry of BootOrder that leads to a file on an ESP is looked at. All of them unsigned: WILL_NOT_BOOT; some:
AT_RISK.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.loaders import Esp, EspFile
from bootkeep.facts.machine import Firmware
from bootkeep.facts.policy import Policy
from bootkeep.rules.rule import Rule

RULE = Rule("secure-boot-loader-unsigned", "B37")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Follow the firmware's entries to their files."""
    firmware, esps = state.firmware, state.loaders.esps
    if not isinstance(firmware, Firmware) or firmware.secure_boot is not True:
        return
    if not isinstance(firmware.entries, tuple) or not isinstance(esps, tuple):
        return
    entries = {entry.number: entry for entry in firmware.entries}
    found: list[tuple[Esp, EspFile]] = []
    for number in firmware.boot_order:
        entry = entries.get(number)
        if entry is None or not entry.active or not entry.partition_uuid:
            continue
        path = entry.loader.replace("\\", "/").strip("/")
        for esp in esps:
            if isinstance(esp, Esp) and esp.partition_uuid.lower() == entry.partition_uuid.lower():
                file = esp.file(path)
                if file is not None and file.signed is not None:
                    found.append((esp, file))
    unsigned = [(esp, file) for esp, file in found if not file.signed]
    for esp, file in unsigned:
        yield RULE.finding(
            Severity.WILL_NOT_BOOT if len(unsigned) == len(found) else Severity.AT_RISK,
            f"Secure Boot is on, and {file.path} on {esp.device}, which the firmware starts, carries no signature.",
            (f"{esp.device}: {file.path}", "no certificate table"),
            subject=f"{esp.device}: {file.path}",
        )
