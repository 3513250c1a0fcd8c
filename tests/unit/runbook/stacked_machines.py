"""Machines whose file systems lie on LVM, LUKS, md RAID, multipath, and all of them at once; and one that is not covered."""

from __future__ import annotations

from dataclasses import replace

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.storage import BlockDevice
from unit.runbook.machines import BOOT_UUID, ESP_UUID, ROOT_UUID, VAR_UUID, disk, line, machine, mount, part
from unit.runbook.machines import MACHINES as PLAIN

LUKS_UUID = "99999999-aaaa-4bbb-8ccc-dddddddddddd"
ARRAY_UUID = "d8ee2b75-8d3a-4a6e-9f7b-0123456789ab"
ESP_TYPE = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"


def made_device(
    name: str, kind: str, file_system: str, uuid: str, target: str, *parents: str, mapper: bool = True
) -> BlockDevice:
    """A device of the device mapper or of md, named as lsblk names it."""
    return replace(
        part(1, file_system, uuid, target),
        name=name,
        path=f"/dev/mapper/{name}" if mapper else f"/dev/{name}",
        kind=kind,
        partition_uuid="",
        partition_table="",
        parents=parents,
    )


def lvm_on_luks() -> BootState:
    """Debian's own "guided, encrypted LVM": /boot plain, everything else in one container."""
    return machine(
        hostname="vault4",
        devices=(
            disk(),
            part(2, "ext4", BOOT_UUID, "/boot"),
            part(3, "crypto_LUKS", LUKS_UUID, ""),
            made_device("sda3_crypt", "crypt", "LVM2_member", "abcDEF-1234", "", "sda3"),
            made_device("vg0-root", "lvm", "ext4", ROOT_UUID, "/", "sda3_crypt"),
            made_device("vg0-var", "lvm", "xfs", VAR_UUID, "/var", "sda3_crypt"),
        ),
        mounts=(
            mount("/", "/dev/mapper/vg0-root", "ext4"),
            mount("/boot", "/dev/sda2", "ext4"),
            mount("/var", "/dev/mapper/vg0-var", "xfs"),
        ),
        fstab=(
            line(1, "/dev/mapper/vg0-root", "/", "ext4"),
            line(2, f"UUID={BOOT_UUID}", "/boot", "ext4"),
            line(3, "/dev/mapper/vg0-var", "/var", "xfs"),
        ),
        search=BOOT_UUID,
    )


def lvm_plain() -> BootState:
    """LVM over everything, /boot inside it; a volume group and a volume with a dash in their names."""
    return machine(
        hostname="lvm6",
        devices=(
            disk(),
            part(1, "", "", ""),
            part(2, "LVM2_member", "abcDEF-1234", ""),
            made_device("vg--sys-root--new", "lvm", "ext4", ROOT_UUID, "/", "sda2"),
        ),
        mounts=(mount("/", "/dev/mapper/vg--sys-root--new", "ext4"),),
        fstab=(line(1, "/dev/mapper/vg--sys-root--new", "/", "ext4"),),
    )


def luks_boot() -> BootState:
    """Encrypted /boot: GRUB unlocks it, then the initramfs unlocks it again."""
    return machine(
        hostname="safe7",
        devices=(
            disk(),
            part(1, "", "", ""),
            part(2, "crypto_LUKS", LUKS_UUID, ""),
            made_device("cryptroot", "crypt", "btrfs", ROOT_UUID, "/", "sda2"),
        ),
        mounts=(mount("/", "/dev/mapper/cryptroot", "btrfs", "/@"),),
        fstab=(line(1, "/dev/mapper/cryptroot", "/", "btrfs", "subvol=@"),),
        extra=" rootflags=subvol=@",
    )


def mirror_two_esps() -> BootState:
    """Two disks, a mirror of the root, an EFI system partition on each."""
    second = disk("sdb", serial="QM00002", link="/dev/disk/by-id/ata-QEMU_HARDDISK_QM00002")
    spare = replace(part(1, "vfat", "5E6F-7A8B", "/boot/efi2", parent="sdb"), partition_type=ESP_TYPE)
    return machine(
        hostname="twin8",
        mode="uefi",
        devices=(
            disk(),
            replace(part(1, "vfat", ESP_UUID, "/boot/efi"), partition_type=ESP_TYPE),
            part(2, "linux_raid_member", ARRAY_UUID, ""),
            second,
            spare,
            part(2, "linux_raid_member", ARRAY_UUID, "", parent="sdb"),
            made_device("md127", "raid1", "ext4", ROOT_UUID, "/", "sda2", "sdb2", mapper=False),
        ),
        mounts=(
            mount("/", "/dev/md127", "ext4"),
            mount("/boot/efi", "/dev/sda1", "vfat"),
            mount("/boot/efi2", "/dev/sdb1", "vfat"),
        ),
        fstab=(
            line(1, f"UUID={ROOT_UUID}", "/", "ext4"),
            line(2, f"UUID={ESP_UUID}", "/boot/efi", "vfat"),
            line(3, "UUID=5E6F-7A8B", "/boot/efi2", "vfat", "nofail"),
        ),
    )


def everything_stacked() -> BootState:
    """md below LUKS below LVM, /boot on a mirror of its own, /usr apart, BIOS, two disks."""
    second = disk("sdb", serial="QM00002", link="/dev/disk/by-id/ata-QEMU_HARDDISK_QM00002")
    other = "aaaaaaaa-8d3a-4a6e-9f7b-0123456789ab"
    return machine(
        hostname="tower9",
        devices=(
            disk(),
            second,
            *(part(2, "linux_raid_member", other, "", parent=name) for name in ("sda", "sdb")),
            *(part(3, "linux_raid_member", ARRAY_UUID, "", parent=name) for name in ("sda", "sdb")),
            made_device("md0", "raid1", "ext4", BOOT_UUID, "/boot", "sda2", "sdb2", mapper=False),
            made_device("md1", "raid1", "crypto_LUKS", LUKS_UUID, "", "sda3", "sdb3", mapper=False),
            made_device("md1_crypt", "crypt", "LVM2_member", "abcDEF-1234", "", "md1"),
            made_device("vg0-root", "lvm", "ext4", ROOT_UUID, "/", "md1_crypt"),
            made_device("vg0-usr", "lvm", "ext4", VAR_UUID, "/usr", "md1_crypt"),
        ),
        mounts=(
            mount("/", "/dev/mapper/vg0-root", "ext4"),
            mount("/boot", "/dev/md0", "ext4"),
            mount("/usr", "/dev/mapper/vg0-usr", "ext4"),
        ),
        fstab=(
            line(1, "/dev/mapper/vg0-root", "/", "ext4"),
            line(2, f"UUID={BOOT_UUID}", "/boot", "ext4"),
            line(3, "/dev/mapper/vg0-usr", "/usr", "ext4"),
        ),
        search=BOOT_UUID,
    )


def multipath() -> BootState:
    """One disk of a SAN, seen through two paths."""
    paths = tuple(
        replace(disk(name, link=""), file_system="mpath_member", serial="3600140500000001") for name in ("sda", "sdb")
    )
    return machine(
        hostname="san10",
        devices=(
            *paths,
            *(part(2, "ext4", ROOT_UUID, "", parent=name) for name in ("sda", "sdb")),
            made_device("mpatha", "mpath", "", "", "", "sda", "sdb"),
            made_device("mpatha-part2", "part", "ext4", ROOT_UUID, "/", "mpatha"),
        ),
        mounts=(mount("/", "/dev/mapper/mpatha-part2", "ext4"),),
        fstab=(line(1, f"UUID={ROOT_UUID}", "/", "ext4"),),
    )


def zfs_root() -> BootState:
    """Recognised, and not covered."""
    return machine(
        hostname="pool11",
        devices=(disk(), part(2, "ext4", BOOT_UUID, "/boot"), part(3, "zfs_member", "1234567890", "")),
        mounts=(mount("/", "rpool/ROOT/debian", "zfs"), mount("/boot", "/dev/sda2", "ext4")),
        fstab=(line(1, f"UUID={BOOT_UUID}", "/boot", "ext4"),),
        search=BOOT_UUID,
    )


STACKED = {
    "lvm-on-luks": lvm_on_luks,
    "lvm-plain": lvm_plain,
    "luks-boot": luks_boot,
    "mirror-two-esps": mirror_two_esps,
    "everything-stacked": everything_stacked,
    "multipath": multipath,
    "zfs-root": zfs_root,
}
MACHINES = {**PLAIN, **STACKED}
