"""How the machine starts: BIOS or UEFI, Secure Boot, boot entries."""

from __future__ import annotations

import re

from bootkeep.facts.machine import Firmware, FirmwareEntry
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.facts.storage import FstabLine
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.answers import object_of, why
from bootkeep.probes.read import Command, Listing, Native, Probe

#: Exists exactly when the running kernel was started by UEFI (Documentation/ABI: /sys/firmware/efi).
EFI = Listing("/sys/firmware/efi/*")
VARIABLES = Native("efi-variables")
#: Only in snapshots of before: it is not installed everywhere, and it reads every variable there is.
OLDER_ENTRIES = Command(("efibootmgr", "-v"))
SECURE_BOOT = Native("secure-boot")

_ENTRY = re.compile(r"^Boot([0-9A-Fa-f]{4})([* ]) ?(.*)$")
_ORDER = re.compile(r"^BootOrder: *([0-9A-Fa-f,]*)$")
_ONE = re.compile(r"^(BootNext|BootCurrent): *([0-9A-Fa-f]{4})$", re.MULTILINE)
_DEVICE = re.compile(r"HD\(\d+,[^,]+,([0-9A-Fa-f-]+)")
_LOADER = re.compile(r"(?:/|\))File\(([^)]*)\)|\)/(\\[^\s]*)")


def parse_efibootmgr(text: str) -> tuple[tuple[FirmwareEntry, ...], tuple[str, ...]]:
    """Entries and boot order of ``efibootmgr -v`` (versions 14 to 18 print the device after a tab)."""
    entries: list[FirmwareEntry] = []
    order: tuple[str, ...] = ()
    for line in text.splitlines():
        ordered = _ORDER.match(line.strip())
        if ordered:
            order = tuple(number for number in ordered[1].split(",") if number)
        match = _ENTRY.match(line)
        if match:
            label, _, device = match[3].partition("\t")
            partition = _DEVICE.search(device)
            loader = _LOADER.search(device)
            entries.append(
                FirmwareEntry(
                    number=match[1],
                    label=label.strip(),
                    active=match[2] == "*",
                    partition_uuid=partition[1] if partition else "",
                    loader=(loader[1] or loader[2] or "") if loader else "",
                )
            )
    return tuple(entries), order


def firmware(readings: Readings, fstab: tuple[FstabLine, ...] = ()) -> Maybe[Firmware]:
    """The firmware. A mounted root has no /sys of its own: an ESP in its fstab then tells UEFI, its absence tells nothing."""
    reading = readings[EFI.key]
    if reading.status is Status.ABSENT:
        return Firmware("bios", Absent("Secure Boot"), Absent("UEFI boot entries"), ())
    if not reading.ok:
        if any(line.target in ("/boot/efi", "/efi") for line in fstab):
            reason = Unknown("the firmware's variables describe the running system, not the mounted root")
            return Firmware("uefi", reason, reason, ())
        return Unknown(f"/sys/firmware/efi could not be looked at: {why(reading)}")
    entries, order = _entries(readings)
    once, current = _once(readings)
    return Firmware("uefi", _secure_boot(readings[SECURE_BOOT.key]), entries, order, once, current)


def _once(readings: Readings) -> tuple[str, str]:
    """BootNext and BootCurrent; empty where the one is not set or the variables are not known (the entries say why)."""
    older = readings[OLDER_ENTRIES.key]
    if readings[VARIABLES.key].status is Status.NOT_TAKEN and older.ok and older.exit_code == 0:
        told = dict(_ONE.findall(older.text))
        return told.get("BootNext", ""), told.get("BootCurrent", "")
    plain = object_of(readings, VARIABLES, "the firmware's boot entries")
    if isinstance(plain, (Absent, Unknown)):
        return "", ""
    return str(plain.get("next", "")), str(plain.get("current", ""))


def _entries(readings: Readings) -> tuple[Maybe[tuple[FirmwareEntry, ...]], tuple[str, ...]]:
    older = readings[OLDER_ENTRIES.key]
    if readings[VARIABLES.key].status is Status.NOT_TAKEN and older.ok and older.exit_code == 0:
        return parse_efibootmgr(older.text)
    plain = object_of(readings, VARIABLES, "the firmware's boot entries")
    if isinstance(plain, Absent):
        return Unknown(f"the firmware's variables cannot be read: {readings[VARIABLES.key].detail}"), ()
    if isinstance(plain, Unknown):
        return plain, ()
    try:
        entries = tuple(
            FirmwareEntry(
                number=str(row["number"]),
                label=str(row["label"]),
                active=row["active"] is True,
                partition_uuid=str(row["partition"]),
                loader=str(row["loader"]),
            )
            for row in plain["entries"]
        )
        order = tuple(str(number) for number in plain["order"])
    except (KeyError, TypeError, AttributeError) as error:
        return Unknown(f"the firmware's boot entries were not understood: {error!r}"), ()
    return entries, order


def _secure_boot(reading: Reading) -> Maybe[bool]:
    if reading.status is Status.ABSENT:
        return Absent("the SecureBoot variable")
    if not reading.ok or reading.text.strip() not in ("true", "false"):
        return Unknown(f"the SecureBoot variable could not be read: {why(reading)}")
    return reading.text.strip() == "true"


FIRMWARE = Probe(name="firmware", reads=(EFI, VARIABLES, SECURE_BOOT), understand=firmware)
