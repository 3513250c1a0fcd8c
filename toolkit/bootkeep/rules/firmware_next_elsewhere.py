"""B36: the firmware's BootNext sends the next start, once, to something else than this system's loader.

The firmware deletes BootNext and starts that entry before it looks at BootOrder (UEFI specification 2.10, 3.1.2); when the entry
does not load it goes on with BootOrder. Another loader, another disk, the network or the firmware's own menu: AT_RISK. The machine
does not come back from its reboot, and a start from the network may install over it; the start after that is its own again. An
entry that is not there, or whose file is not: ADVICE. fwupd sets BootNext for its own program, which flashes and restarts:
in order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.loaders import Esp
from bootkeep.facts.machine import Firmware, FirmwareEntry
from bootkeep.facts.policy import Policy
from bootkeep.rules.rule import Rule

RULE = Rule("firmware-next-elsewhere", "B36")

#: fwupd's program and its older name, and the entry when shim loads it (plugins/uefi-capsule/fu-uefi-bootmgr.c).
_FLASHER = re.compile(r"(?:^|/)fwup(?:d)?(?:x64|aa64|ia32|arm|riscv64)\.efi(?:\.signed)?$", re.IGNORECASE)
_FLASHER_LABEL = re.compile(r"linux[- ]firmware[- ]updater", re.IGNORECASE)
_FALLBACK = re.compile(r"^EFI/BOOT/BOOT(?:X64|AA64|IA32)\.EFI$", re.IGNORECASE)


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Compare the entry that is started once with those that are started always."""
    firmware = state.firmware
    if not isinstance(firmware, Firmware) or firmware.mode != "uefi" or isinstance(state.container, str):
        return
    number = firmware.boot_next
    if not number or not isinstance(firmware.entries, tuple):
        return
    entries = {entry.number: entry for entry in firmware.entries}
    entry = entries.get(number)
    if entry is None:
        yield _finding(Severity.ADVICE, number, "which does not exist: the firmware passes over it.", "no such entry")
        return
    esps = state.loaders.esps
    known = [esp for esp in esps if isinstance(esp, Esp)] if isinstance(esps, tuple) else []
    here = next((esp for esp in known if _same(esp.partition_uuid, entry.partition_uuid)), None)
    usual = [entries[each] for each in firmware.boot_order if each in entries and entries[each].active]
    path = _path(entry)
    told = f"{entry.label} {entry.partition_uuid} {entry.loader}".strip()
    if here is not None and path and here.file(path) is None:
        lost = f"{entry.label}, whose file {entry.loader} is not there: the firmware passes over it."
        yield _finding(Severity.ADVICE, number, lost, told)
        return
    first = usual[0].number if usual else ""
    if number in (firmware.boot_current, first) or _flashes(entry) or _is_ours(entry, usual, here is not None):
        return
    yield _finding(
        Severity.AT_RISK, number, f"{entry.label or 'an entry without a name'}, {_where(entry, here)}: once.", told
    )


def _finding(severity: Severity, number: str, leads_to: str, told: str) -> Finding:
    return RULE.finding(
        severity,
        f"At the next start the firmware does not follow BootOrder but BootNext, Boot{number}: {leads_to}",
        ("BootNext of the firmware", f"{number} {told}"),
        subject=number,
    )


def _is_ours(entry: FirmwareEntry, usual: list[FirmwareEntry], on_esp: bool) -> bool:
    """The loader that starts here anyway: of the first entry, or its copy on another EFI partition of this machine."""
    path = _path(entry)
    if not path or not usual:
        return on_esp and bool(_FALLBACK.match(path))
    first = next((each for each in usual if _path(each)), usual[0])
    same_place = _same(first.partition_uuid, entry.partition_uuid) or on_esp
    return same_place and (path == _path(first) or bool(on_esp and _FALLBACK.match(path)))


def _flashes(entry: FirmwareEntry) -> bool:
    return bool(_FLASHER.search(_path(entry)) or (_path(entry) and _FLASHER_LABEL.search(entry.label)))


def _where(entry: FirmwareEntry, here: Esp | None) -> str:
    if here is not None:
        return f"another loader on {here.device} ({entry.loader})"
    if entry.partition_uuid:
        return f"on a partition that is no EFI partition of this machine ({entry.partition_uuid})"
    return "a network, a program of the firmware's own or a whole disk"


def _path(entry: FirmwareEntry) -> str:
    return entry.loader.replace("\\", "/").strip("/").lower()


def _same(one: str, other: str) -> bool:
    return bool(one) and one.lower() == other.lower()
