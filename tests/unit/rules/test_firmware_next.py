"""B36: BootNext, and what it may lead to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bootkeep.assemble import assemble
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.codec import from_json
from bootkeep.facts.finding import Severity
from bootkeep.facts.loaders import Esp, EspFile
from bootkeep.facts.machine import Firmware, FirmwareEntry
from bootkeep.facts.reading import Readings
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.remedies import remedy_for
from unit.rules.states import MACHINES, found, recorded, severities

RULE = "firmware-next-elsewhere"
HERE = "8c787739-1a96-cc40-870b-9f9f1b7679f1"


def next_is(
    label: str, partition: str, loader: str, *, number: str = "0007", current: str = "0001", there: str = ""
) -> BootState:
    """healthy-uefi whose BootNext is that entry; ``there`` is one more file on its ESP."""
    state = recorded("healthy-uefi")
    firmware, esps = state.firmware, state.loaders.esps
    assert isinstance(firmware, Firmware) and isinstance(firmware.entries, tuple)
    assert isinstance(esps, tuple) and isinstance(esps[0], Esp)
    entry = FirmwareEntry("0007", label, False, partition, loader)
    rows = (*esps[0].files, EspFile(there, 1, "5e" * 32, True, "")) if there else esps[0].files
    return replace(
        state,
        loaders=replace(state.loaders, esps=(replace(esps[0], files=rows),)),
        firmware=replace(firmware, entries=(*firmware.entries, entry), boot_next=number, boot_current=current),
    )


@pytest.mark.parametrize(
    ("label", "partition", "loader"),
    [
        ("UEFI PXEv4 (MAC:525400123456)", "", ""),
        ("UiApp", "", ""),
        ("UEFI USB stick", "11111111-1a96-cc40-870b-9f9f1b7679f1", r"\EFI\BOOT\BOOTX64.EFI"),
        ("debian", "11111111-1a96-cc40-870b-9f9f1b7679f1", r"\EFI\debian\grubx64.efi"),
        ("Memory test", HERE, r"\EFI\memtest\memtest.efi"),
        ("Linux Firmware Updater", "", ""),  # its name alone starts nothing
    ],
)
def test_the_machine_comes_up_as_something_else_once(label: str, partition: str, loader: str) -> None:
    (finding,) = found(next_is(label, partition, loader, there="EFI/memtest/memtest.efi"), RULE)
    assert finding.severity is Severity.AT_RISK and finding.subject == "0007" and label in finding.summary


@pytest.mark.parametrize(
    ("label", "loader", "there"),
    [
        ("a copy of the entry", r"\EFI\debian\grubx64.efi", ""),
        ("in capitals", r"\EFI\DEBIAN\GRUBX64.EFI", ""),
        ("the fallback loader", r"\EFI\BOOT\BOOTX64.EFI", "EFI/BOOT/BOOTX64.EFI"),
        ("Linux Firmware Updater", r"\EFI\debian\fwupdx64.efi", "EFI/debian/fwupdx64.efi"),
        ("Linux-Firmware-Updater", r"\EFI\debian\shimx64.efi", "EFI/debian/shimx64.efi"),
        ("fwupdate", r"\EFI\fedora\fwupx64.efi", "EFI/fedora/fwupx64.efi"),
    ],
)
def test_what_starts_anyway_and_a_firmware_update_are_in_order(label: str, loader: str, there: str) -> None:
    assert not found(next_is(label, HERE.upper(), loader, there=there), RULE)


def test_the_entry_of_now_and_the_first_of_the_order_are_in_order() -> None:
    pxe = ("UEFI PXEv4", "", "")
    assert not found(next_is(*pxe, current="0007"), RULE)
    assert not found(next_is(*pxe, number="0001"), RULE)
    state = next_is(*pxe)
    assert isinstance(state.firmware, Firmware)
    in_order = replace(state.firmware, boot_order=("0007", "0001"))
    assert severities(replace(state, firmware=in_order), RULE) == [
        Severity.AT_RISK
    ]  # inactive: the order passes over it
    assert isinstance(in_order.entries, tuple)
    active = tuple(replace(entry, active=True) for entry in in_order.entries)
    assert not found(replace(state, firmware=replace(in_order, entries=active)), RULE)


def test_a_dead_entry_is_passed_over_by_the_firmware() -> None:
    assert severities(next_is("gone", HERE, r"\EFI\gone\x.efi"), RULE) == [Severity.ADVICE]
    assert severities(next_is("other", "", "", number="00AA"), RULE) == [Severity.ADVICE]


def test_where_nothing_is_set_or_known_it_says_nothing() -> None:
    state = next_is("UEFI PXEv4", "", "")
    assert isinstance(state.firmware, Firmware)
    for firmware in (
        replace(state.firmware, boot_next=""),
        replace(state.firmware, entries=Unknown("efivarfs is not mounted")),
        replace(state.firmware, mode="bios"),
        Unknown("denied"),
        Absent("nothing"),
    ):
        assert not found(replace(state, firmware=firmware), RULE)
    assert severities(replace(state, loaders=replace(state.loaders, esps=Unknown("denied"))), RULE) == [
        Severity.AT_RISK
    ]


def test_the_way_out_and_its_undo() -> None:
    state = next_is("UEFI PXEv4", "", "")
    (finding,) = found(state, RULE)
    remedy = remedy_for(finding, state)
    assert remedy is not None
    (write,) = [step for step in remedy.live if step.writes]
    assert write.command[0] == "efibootmgr --delete-bootnext" and write.undo == ("efibootmgr --bootnext 0007",)
    assert "off and on" in remedy.rescue[0].say
    hostile = remedy_for(replace(finding, subject="0007; reboot"), state)
    assert hostile is not None and "reboot" not in str([step.undo for step in hostile.live])


@pytest.mark.parametrize("name", ["firmware-next-from-network", "firmware-next-from-another-disk"])
def test_it_is_read_from_the_variables_and_from_efibootmgr(name: str) -> None:
    """The one recorded machine answers by its variables, the other, older one with efibootmgr's own words."""
    path = MACHINES / name / "readings.json"
    firmware = assemble(from_json(Readings, path.read_bytes(), where=name), taken_at="2026-11-23T18:00:00Z").firmware
    assert isinstance(firmware, Firmware) and firmware.boot_next in ("0002", "0003") and firmware.boot_current == "0001"
