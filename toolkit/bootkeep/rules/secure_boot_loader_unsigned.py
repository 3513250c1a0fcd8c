"""B37: Secure Boot is on, and the boot loader that the firmware starts carries no signature.

grub-install without --uefi-secure-boot, or a self-made image copied over the signed one: the firmware refuses it (``Security
Violation``). Every entry of BootOrder that leads to a file on an ESP is looked at, where none does the fallback loader
(EFI/BOOT/BOOTX64.EFI), and behind shim the GRUB beside it, which shim refuses (``bad shim signature``). All of them
unsigned: WILL_NOT_BOOT; some, or the firmware's entries could not be read: AT_RISK.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.loaders import Esp, EspFile
from bootkeep.facts.machine import Firmware
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Maybe
from bootkeep.rules.rule import Rule

RULE = Rule("secure-boot-loader-unsigned", "B37")

#: UEFI specification 2.10, 3.5.1.1: what is started without an entry.
_FALLBACK = re.compile(r"EFI/BOOT/BOOT(X64|AA64|IA32)\.EFI", re.IGNORECASE)


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Follow the firmware's entries to their files."""
    firmware, esps = state.firmware, state.loaders.esps
    if not isinstance(firmware, Firmware) or firmware.secure_boot is not True:
        return
    if not isinstance(esps, tuple):
        return
    known = isinstance(firmware.entries, tuple)
    entries = {entry.number: entry for entry in firmware.entries} if isinstance(firmware.entries, tuple) else {}
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
    # Where no entry leads to a file the firmware starts the fallback loader of the first partition that has one.
    found = found or _fallbacks(esps)
    unsigned = [(esp, refused) for esp, file in found if (refused := _refused(esp, file)) is not None]
    for esp, file in unsigned:
        yield RULE.finding(
            Severity.WILL_NOT_BOOT if known and len(unsigned) == len(found) else Severity.AT_RISK,
            f"Secure Boot is on, and {file.path} on {esp.device}, which the firmware starts, carries no signature.",
            (f"{esp.device}: {file.path}", "no certificate table"),
            subject=f"{esp.device}: {file.path}",
        )


def _refused(esp: Esp, file: EspFile) -> EspFile | None:
    """The first image without a signature on the way: shim, also as the fallback loader, starts the GRUB beside it."""
    if file.signed is False:
        return file
    folder, _, name = file.path.rpartition("/")
    if not name.lower().startswith("shim") and not _FALLBACK.fullmatch(file.path):
        return None
    after = next(
        (grub for machine in ("x64", "aa64", "ia32") if (grub := esp.file(f"{folder}/grub{machine}.efi"))), None
    )
    return after if after is not None and after.signed is False else None


def _fallbacks(esps: tuple[Maybe[Esp], ...]) -> list[tuple[Esp, EspFile]]:
    files = [(esp, file) for esp in esps if isinstance(esp, Esp) for file in esp.files]
    return [(esp, file) for esp, file in files if _FALLBACK.fullmatch(file.path) and file.signed is not None]
