"""Block devices, file systems, mounts and fstab."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlockDevice:
    """One row of ``lsblk``, with the names of what it stands on."""

    name: str  # kernel name, e.g. sda2: never printed as an identity, it moves
    path: str
    kind: str  # lsblk's TYPE: disk, part, lvm, crypt, raid1, mpath, loop, rom
    file_system: str  # FSTYPE, empty when none
    uuid: str
    label: str
    partition_uuid: str
    partition_type: str  # PARTTYPE GUID or MBR type
    partition_label: str
    partition_table: str  # PTTYPE: gpt, dos
    size_bytes: int
    serial: str
    wwn: str
    model: str
    removable: bool
    mountpoints: tuple[str, ...]
    parents: tuple[str, ...]  # names of the devices below it; several for raid
    persistent_links: tuple[str, ...] = ()  # /dev/disk/by-id/... links that lead to it


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of ``/proc/self/mountinfo`` that matters to a reader."""

    target: str
    source: str
    file_system: str
    options: tuple[str, ...]  # mount and super options, sorted, without duplicates
    root: str = "/"  # directory of the file system that is mounted (btrfs subvolume, bind)


@dataclass(frozen=True, slots=True)
class FstabLine:
    """One line of ``/etc/fstab`` (fstab(5))."""

    number: int  # line number, from 1
    spec: str
    target: str
    file_system: str
    options: tuple[str, ...]
    passno: int


@dataclass(frozen=True, slots=True)
class Space:
    """``statvfs`` of one mount point."""

    target: str
    size_bytes: int
    free_bytes: int  # available to root
    inodes: int  # 0 on file systems without a fixed table (btrfs, vfat)
    inodes_free: int
