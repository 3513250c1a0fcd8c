"""The firmware's entries and the kind of firmware."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bootkeep.facts.machine import Firmware
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.facts.unknown import Unknown
from bootkeep.probes.firmware.efi import EFI, OLDER_ENTRIES, SECURE_BOOT, VARIABLES, firmware, parse_efibootmgr

TEXT = (
    "BootCurrent: 0001\nTimeout: 0 seconds\nBootOrder: 0001,0000\n"
    "Boot0000  UiApp\tFvVol(7cb8)/FvFile(462c)\n"
    "Boot0001* debian\tHD(1,GPT,9b2a1a5e-3f4d-4c9e-8a3c-3f1d6c0a7e11,0x800,0x20000)/File(\\EFI\\debian\\shimx64.efi)\n"
)


def test_entries_and_order() -> None:
    (ui, debian), order = parse_efibootmgr(TEXT)
    assert order == ("0001", "0000") and not ui.active and debian.active
    assert debian.partition_uuid == "9b2a1a5e-3f4d-4c9e-8a3c-3f1d6c0a7e11"
    assert debian.loader == "\\EFI\\debian\\shimx64.efi"


@given(st.text())
def test_no_text_crashes_it(text: str) -> None:
    parse_efibootmgr(text)


def test_bios_uefi_and_not_knowing() -> None:
    assert firmware(Readings({EFI.key: Reading(Status.ABSENT)})) == firmware(
        Readings({EFI.key: Reading(Status.ABSENT)})
    )
    bios = firmware(Readings({EFI.key: Reading(Status.ABSENT)}))
    assert isinstance(bios, Firmware) and bios.mode == "bios"
    answers = {
        EFI.key: Reading(Status.OK, "[]"),
        OLDER_ENTRIES.key: Reading(Status.OK, TEXT),
        SECURE_BOOT.key: Reading(Status.OK, "true"),
    }
    uefi = firmware(Readings(answers))
    assert isinstance(uefi, Firmware) and uefi.secure_boot is True and isinstance(uefi.entries, tuple)
    assert isinstance(firmware(Readings({EFI.key: Reading(Status.NOT_TAKEN)})), Unknown)


def uefi(variables: Reading) -> Firmware:
    found = firmware(Readings({EFI.key: Reading(Status.OK, "[]"), VARIABLES.key: variables}))
    assert isinstance(found, Firmware)
    return found


def test_the_variables_themselves_tell_the_entries() -> None:
    entry: dict[str, Any] = {
        "number": "0001",
        "label": "debian",
        "active": True,
        "partition": "9b2a",
        "loader": "\\a.efi",
    }
    plain = {"order": ["0001"], "next": "", "current": "0001", "entries": [entry]}
    found = uefi(Reading(Status.OK, json.dumps(plain)))
    assert isinstance(found.entries, tuple) and found.boot_order == ("0001",)
    assert (found.entries[0].partition_uuid, found.entries[0].loader, found.entries[0].active) == (
        "9b2a",
        "\\a.efi",
        True,
    )


def test_variables_that_cannot_be_read_are_unknown_never_no_entries() -> None:
    for reading in (
        Reading(Status.ABSENT, detail="/sys/firmware/efi/efivars is empty: efivarfs is not mounted there"),
        Reading(Status.TIMEOUT, detail="it hangs"),
        Reading(Status.DENIED),
        Reading(Status.OK, "{}"),
        Reading(Status.OK, '{"order": 7, "entries": [1]}'),
        Reading(Status.OK, "gibberish"),
        Reading(Status.NOT_TAKEN),
    ):
        assert isinstance(uefi(reading).entries, Unknown), reading
