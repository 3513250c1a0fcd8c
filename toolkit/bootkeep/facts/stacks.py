"""What lies between the file systems and the disks, as each layer describes itself."""

from __future__ import annotations

from dataclasses import dataclass

from bootkeep.facts.unknown import Maybe, Unknown

NOT_TAKEN = Unknown("the snapshot is older than this question")


@dataclass(frozen=True, slots=True)
class LuksVolume:
    """The header of one encrypted volume."""

    path: str
    uuid: str
    version: int  # 1 or 2
    kdfs: tuple[str, ...]  # pbkdf2, argon2i, argon2id: one for each key slot in use
    ciphers: tuple[str, ...]
    problem: str  # what is damaged; empty when the header is whole


@dataclass(frozen=True, slots=True)
class CrypttabLine:
    """One line of crypttab(5)."""

    name: str
    spec: str
    key: str  # path of a key file, or ``none``
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RaidArray:
    """One array of /proc/mdstat."""

    name: str  # md0
    active: bool
    level: str  # raid1, raid5, ...; empty when it is not active
    wanted: int  # members that it was made with
    working: int  # members that are in sync; 0 where mdstat does not say (raid0, linear)
    failed: tuple[str, ...]  # members marked (F)
    rebuilding: bool

    @property
    def degraded(self) -> bool:
        """Whether a member is missing or out of sync."""
        return self.wanted > 0 and self.working < self.wanted


@dataclass(frozen=True, slots=True)
class PhysicalVolume:
    """One row of pvs(8)."""

    path: str
    uuid: str
    group: str
    missing: bool


@dataclass(frozen=True, slots=True)
class StorageStacks:
    """Configuration and state of LUKS, md RAID, LVM and multipath; Absent where the file or tool is not there."""

    luks: Maybe[tuple[LuksVolume, ...]] = NOT_TAKEN
    crypttab: Maybe[tuple[CrypttabLine, ...]] = NOT_TAKEN
    arrays: Maybe[tuple[RaidArray, ...]] = NOT_TAKEN
    raid_config: Maybe[tuple[str, ...]] = NOT_TAKEN  # array UUIDs of mdadm.conf, 32 hexadecimal digits
    physical_volumes: Maybe[tuple[PhysicalVolume, ...]] = NOT_TAKEN
    lvm_devices: Maybe[tuple[str, ...]] = NOT_TAKEN  # PVIDs of /etc/lvm/devices/system.devices, without dashes
    lvm_devices_used: Maybe[bool] = (
        NOT_TAKEN  # devices/use_devicesfile, as LVM itself takes it (Debian's default is no)
    )
    multipath_ids: Maybe[tuple[str, ...]] = NOT_TAKEN  # /etc/multipath/wwids


#: What a snapshot has that nobody asked.
STACKS_NOT_TAKEN = StorageStacks()
