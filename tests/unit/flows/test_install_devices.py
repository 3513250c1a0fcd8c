"""grub-pc's disks: exist, are whole, hold /boot."""

from __future__ import annotations

from typing import Any

import pytest

from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.storage import Mount
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.flows.install_devices import make_install_devices_right, plan_install_devices
from unit.flows.salt_machine import device, machine

RIGHT = "/dev/disk/by-id/ata-DISK"


def wanted(**changes: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What should be named, and what is wrong now."""
    plan = plan_install_devices(machine(**changes))
    assert plan is not None
    return plan.wanted, plan.wrong


@pytest.mark.parametrize("named", [RIGHT, "/dev/disk/by-id/wwn-0x1", "/dev/sda"])
def test_any_name_of_the_right_disk_is_kept(named: str) -> None:
    """Right is right, however it is written: the administrator's spelling stays."""
    assert wanted(grub_install_devices=(named,)) == ((named,), ())


@pytest.mark.parametrize("named", [(), ("/dev/sda1",), ("/dev/nvme9n9",), ("/dev/sda1", "/dev/vdz")])
def test_nothing_a_partition_and_a_ghost_become_the_disk(named: tuple[str, ...]) -> None:
    """By its name below by-id that a person knows it by."""
    devices, wrong = wanted(grub_install_devices=named)
    assert devices == (RIGHT,)
    assert wrong


def test_every_member_of_a_mirror_is_named() -> None:
    """When the first disk dies, the second has to start the machine."""
    mirror = (
        device("sda", "disk"),
        device("sdb", "disk"),
        device("sda1", "part", "sda"),
        device("sdb1", "part", "sdb"),
        device("md0", "raid1", "sda1", "sdb1"),
        device("vg-root", "lvm", "md0", mounted="/"),
    )
    mounts = (Mount("/", "/dev/mapper/vg-root", "ext4", ()),)
    devices, _wrong = wanted(block_devices=mirror, mounts=mounts, grub_install_devices=("/dev/sda",))
    assert devices == ("/dev/sda", "/dev/sdb")


def test_a_partitioned_array_is_one_disk() -> None:
    """Firmware RAID: grub-pc was installed to the array, and its members are nobody's to write to."""
    array = (
        device("sda", "disk"),
        device("sdb", "disk"),
        device("md126", "raid1", "sda", "sdb"),
        device("md126p1", "part", "md126", mounted="/"),
    )
    mounts = (Mount("/", "/dev/md126p1", "ext4", ()),)
    right = wanted(block_devices=array, mounts=mounts, grub_install_devices=("/dev/md126",))
    assert right == (("/dev/md126",), ())
    devices, wrong = wanted(block_devices=array, mounts=mounts, grub_install_devices=("/dev/md126p1",))
    assert devices == ("/dev/md126",)
    assert wrong


def test_a_separate_boot_decides_and_extra_disks_stay() -> None:
    """Core and modules belong together where /boot is; a further whole disk is the administrator's choice."""
    devices = (
        device("sda", "disk"),
        device("sda1", "part", "sda", mounted="/boot"),
        device("sdb", "disk"),
        device("sdb1", "part", "sdb", mounted="/"),
    )
    mounts = (Mount("/", "/dev/sdb1", "ext4", ()), Mount("/boot", "/dev/sda1", "ext4", ()))
    assert wanted(block_devices=devices, mounts=mounts, grub_install_devices=("/dev/sdb",))[0] == (
        "/dev/sdb",
        "/dev/sda",
    )


def test_without_grub_pc_there_is_nothing_to_do() -> None:
    """UEFI hosts answer no such question."""
    assert plan_install_devices(machine(packages=())) is None
    assert make_install_devices_right(machine(packages=()), dry_run=False).ok


@pytest.mark.parametrize(
    "changes",
    [
        {"packages": Unknown("dpkg is broken")},
        {"grub_install_devices": Unknown("debconf is locked")},
        {"block_devices": Unknown("no lsblk")},
        {"mounts": (Mount("/", "overlay", "overlay", ()),)},
        {"mounts": Unknown("no mountinfo")},
    ],
)
def test_what_is_not_known_is_an_error_not_an_answer(changes: dict[str, Any]) -> None:
    """Nothing is written on a guess."""
    with pytest.raises(BootkeepError):
        plan_install_devices(machine(**changes))


def test_a_dry_run_says_what_it_would_answer() -> None:
    """And asks debconf nothing."""
    done = make_install_devices_right(machine(grub_install_devices=Absent()), dry_run=True)
    assert (done.ok, done.changes[0].new) == (True, RIGHT)
