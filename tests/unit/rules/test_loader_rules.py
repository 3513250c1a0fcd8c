"""B34, B37: boot code on BIOS disks, and disks without any; loaders that Secure Boot refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Severity
from bootkeep.facts.loaders import BootSector, Esp, EspFile
from bootkeep.facts.machine import Firmware
from bootkeep.facts.unknown import Unknown
from unit.rules.states import healthy, recorded, severities

CORE = "grub-core-differs"


def with_sectors(*sectors: BootSector, more: bool = False) -> BootState:
    """healthy-bios with such boot sectors, and perhaps another disk that holds no part of the system."""
    state = healthy()
    devices = state.block_devices
    assert isinstance(devices, tuple)
    if more:
        disk = next(each for each in devices if each.kind == "disk")
        devices = (*devices, replace(disk, name="vdz", path="/dev/vdz", parents=(), mountpoints=()))
    return replace(state, loaders=replace(state.loaders, sectors=sectors), block_devices=devices)


def test_a_disk_without_any_boot_code_starts_nothing() -> None:
    empty = BootSector("/dev/vda", grub=False, core="none", core_image=True, empty=True)
    assert severities(with_sectors(empty), CORE) == [Severity.WILL_NOT_BOOT]
    # Another disk may be the one that the firmware starts from; another loader's code may be what starts this machine.
    assert severities(with_sectors(empty, more=True), CORE) == [Severity.UNKNOWN]
    assert severities(with_sectors(replace(empty, empty=False)), CORE) == [Severity.UNKNOWN]


def test_one_disk_of_two_without_grub() -> None:
    good = BootSector("/dev/vda", grub=True, core="same", core_image=True)
    empty = BootSector("/dev/vdb", grub=False, core="none", core_image=True, empty=True)
    assert severities(with_sectors(good, empty), CORE) == [Severity.AT_RISK]
    assert severities(with_sectors(good), CORE) == []


def with_loaders(*files: tuple[str, bool], entries: Any = ()) -> BootState:
    """healthy-uefi with Secure Boot on, these entries of the firmware, and such loaders on its partition."""
    state = recorded("healthy-uefi")
    esps, firmware = state.loaders.esps, state.firmware
    assert isinstance(esps, tuple) and isinstance(esps[0], Esp) and isinstance(firmware, Firmware)
    rows = tuple(EspFile(path, 1, "5e" * 32, signed, "") for path, signed in files)
    loaders = replace(state.loaders, esps=(replace(esps[0], files=rows),))
    return replace(state, loaders=loaders, firmware=replace(firmware, secure_boot=True, entries=entries))


def test_an_unsigned_fallback_loader_is_what_starts_without_an_entry() -> None:
    rule = "secure-boot-loader-unsigned"
    assert severities(with_loaders(("EFI/BOOT/BOOTX64.EFI", False)), rule) == [Severity.WILL_NOT_BOOT]
    assert severities(with_loaders(("EFI/BOOT/BOOTX64.EFI", True), ("EFI/old/grubx64.efi", False)), rule) == []
    unread = Unknown("efibootmgr is not installed")
    assert severities(with_loaders(("EFI/Boot/bootx64.efi", False), entries=unread), rule) == [Severity.AT_RISK]
    entries = recorded("healthy-uefi").firmware
    assert isinstance(entries, Firmware)
    both = with_loaders(("EFI/debian/grubx64.efi", True), ("EFI/BOOT/BOOTX64.EFI", False), entries=entries.entries)
    assert severities(both, rule) == []


def test_shim_refuses_an_unsigned_grub_beside_it() -> None:
    entries = recorded("healthy-uefi").firmware
    assert isinstance(entries, Firmware) and isinstance(entries.entries, tuple)
    shim = tuple(replace(each, loader=each.loader.replace("grubx64", "shimx64")) for each in entries.entries)
    good = with_loaders(("EFI/debian/shimx64.efi", True), ("EFI/debian/grubx64.efi", True), entries=shim)
    assert severities(good, "secure-boot-loader-unsigned") == []
    bad = with_loaders(("EFI/debian/shimx64.efi", True), ("EFI/debian/grubx64.efi", False), entries=shim)
    assert severities(bad, "secure-boot-loader-unsigned") == [Severity.WILL_NOT_BOOT]
