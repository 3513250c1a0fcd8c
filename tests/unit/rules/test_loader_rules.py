"""B34: boot code on BIOS disks, and disks without any."""

from __future__ import annotations

from dataclasses import replace

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Severity
from bootkeep.facts.loaders import BootSector
from unit.rules.states import healthy, severities

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
