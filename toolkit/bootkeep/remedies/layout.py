"""How this host's file systems are to be mounted in a rescue shell: which, in what order, by which UUID.

Device names such as ``sda2`` move between a host and a rescue medium, so a volume is always named by its UUID. What a file
system stands on is followed down to whole disks; a stack that this version has no steps for is named, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.storage import BlockDevice, FstabLine, Mount
from bootkeep.facts.typed import valid_uuid
from bootkeep.facts.unknown import Absent, Unknown

#: File systems that a rescue shell mounts by UUID without more ado.
PLAIN_FILE_SYSTEMS = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "f2fs", "jfs"})

#: lsblk's TYPE of what needs assembling first, and how a person calls it.
STACKS = {
    "lvm": "LVM",
    "crypt": "LUKS encryption",
    "mpath": "multipath",
    "dm": "device mapper",
    "raid0": "md RAID",
    "raid1": "md RAID",
    "raid4": "md RAID",
    "raid5": "md RAID",
    "raid6": "md RAID",
    "raid10": "md RAID",
    "linear": "md RAID",
    "md": "md RAID",
}
_CONTENT = {"LVM2_member": "LVM", "crypto_LUKS": "LUKS encryption", "linux_raid_member": "md RAID", "zfs_member": "ZFS"}

#: Trees that hold what a repair touches. /home, /srv and the like are left alone: the fewer mounts, the fewer surprises.
_NEEDED = ("/boot", "/efi", "/usr", "/var", "/etc", "/opt/bootkeep")


@dataclass(frozen=True, slots=True)
class Volume:
    """One file system of the host, as the rescue shell mounts it."""

    target: str  # on the host, e.g. /boot
    uuid: str  # empty when it could not be read
    file_system: str  # empty when it could not be read
    subvolume: str  # btrfs: path of the subvolume without the leading /, else empty
    device: BlockDevice | None
    stack: tuple[
        str, ...
    ]  # what has to be assembled first, outermost last: ("LUKS encryption", "LVM"); empty for a partition


@dataclass(frozen=True, slots=True)
class Layout:
    """All volumes that a repair needs, parents before children."""

    volumes: tuple[Volume, ...]
    boot_disks: tuple[BlockDevice, ...]  # whole disks below the file system that holds /boot
    esp_disks: tuple[BlockDevice, ...]
    not_covered: tuple[str, ...]  # sentences

    def at(self, target: str) -> Volume | None:
        """The volume that is mounted at exactly this directory."""
        return next((volume for volume in self.volumes if volume.target == target), None)

    @property
    def root(self) -> Volume | None:
        """The root file system."""
        return self.at("/")

    @property
    def boot(self) -> Volume | None:
        """The file system that holds /boot: its own, or the root's."""
        return self.at("/boot") or self.root

    @property
    def esp(self) -> Volume | None:
        """The EFI system partition, where it is mounted."""
        return next((v for v in self.volumes if v.target in {"/boot/efi", "/efi"}), None)

    def in_loader(self, path: str) -> str:
        """A path below /boot as GRUB names it: from the top of the file system that holds it, subvolume included."""
        boot = self.boot
        if boot is None:
            return path
        inner = path.removeprefix("/boot") if boot.target == "/boot" else path
        return f"/{boot.subvolume}{inner}" if boot.subvolume else inner


def layout_of(state: BootState) -> Layout:
    """Work out the layout from what is mounted now, else from fstab; what neither tells stays without UUID."""
    devices = state.block_devices if isinstance(state.block_devices, tuple) else ()
    mounts = state.mounts if isinstance(state.mounts, tuple) else ()
    lines = state.fstab if isinstance(state.fstab, tuple) else ()
    targets = {m.target for m in mounts if _needed_mount(m)} | {li.target for li in lines if _needed_line(li)}
    volumes = tuple(_volume(target, devices, mounts, lines) for target in mount_order({"/", *targets}))
    not_covered = list(_not_covered(volumes))
    if isinstance(state.block_devices, (Absent, Unknown)):
        not_covered.append("The block devices could not be read: the UUIDs of this host are read from the screen.")
    elif not volumes[0].uuid:
        not_covered.append("The device of the root file system was not found: its UUID is read from the screen.")
    by_name = {device.name: device for device in devices}
    layout = Layout(volumes, (), (), tuple(not_covered))
    return Layout(volumes, _disks(layout.boot, by_name), _disks(layout.esp, by_name), tuple(not_covered))


def mount_order(targets: Iterable[str]) -> list[str]:
    """Mount points so that every directory comes after the file system it lies on: a topological sort."""
    return sorted(set(targets), key=lambda target: [] if target == "/" else target.strip("/").split("/"))


def disks_below(device: BlockDevice, by_name: dict[str, BlockDevice]) -> tuple[BlockDevice, ...]:
    """The whole disks that a device stands on; several for RAID."""
    found: dict[str, BlockDevice] = {}
    seen: set[str] = set()
    waiting = [device]
    while waiting:
        current = waiting.pop()
        if current.name in seen:
            continue
        seen.add(current.name)
        if current.kind == "disk":
            found[current.name] = current
        waiting.extend(by_name[name] for name in current.parents if name in by_name)
    return tuple(sorted(found.values(), key=lambda disk: (disk.serial, disk.name)))


def _disks(volume: Volume | None, by_name: dict[str, BlockDevice]) -> tuple[BlockDevice, ...]:
    return disks_below(volume.device, by_name) if volume is not None and volume.device is not None else ()


def _needed(target: str) -> bool:
    return target == "/" or any(target == tree or target.startswith(tree + "/") for tree in _NEEDED)


def _on_disk(file_system: str) -> bool:
    return file_system in PLAIN_FILE_SYSTEMS or file_system in {"auto", "zfs", "bcachefs", "msdos", "reiserfs"}


def _needed_mount(mount: Mount) -> bool:
    bound = mount.root != "/" and mount.file_system != "btrfs"
    return _needed(mount.target) and _on_disk(mount.file_system) and not bound


def _needed_line(line: FstabLine) -> bool:
    bound = {"bind", "rbind"} & set(line.options)
    return line.target.startswith("/") and _needed(line.target) and _on_disk(line.file_system) and not bound


def _volume(target: str, devices: Sequence[BlockDevice], mounts: Sequence[Mount], lines: Sequence[FstabLine]) -> Volume:
    # What is mounted now is the truth; fstab may be the very thing that is broken. The last mount on a target is on top.
    mount = next((m for m in reversed(mounts) if m.target == target and _needed_mount(m)), None)
    line = next((li for li in lines if li.target == target), None)
    device = _by_mount(mount, devices) if mount else None
    if device is None and line is not None:
        device = find_device(line.spec, devices)
    uuid = device.uuid if device is not None else ""
    if not uuid and line is not None and line.spec.upper().startswith("UUID="):
        uuid = line.spec[5:].strip('"')
    file_system = mount.file_system if mount else (device.file_system if device else "")
    if not file_system and line is not None and line.file_system != "auto":
        file_system = line.file_system
    subvolume = _subvolume(mount, line) if file_system == "btrfs" else ""
    stack = _stack(device, {d.name: d for d in devices}) if device is not None else ()
    return Volume(target, uuid if valid_uuid(uuid) else "", file_system, subvolume, device, stack)


def _by_mount(mount: Mount, devices: Sequence[BlockDevice]) -> BlockDevice | None:
    matches = [d for d in devices if mount.source in {d.path, f"/dev/{d.name}", *d.persistent_links}]
    matches += [d for d in devices if mount.target in d.mountpoints]
    return matches[0] if matches else None


def find_device(spec: str, devices: Sequence[BlockDevice]) -> BlockDevice | None:
    """The device that an fstab(5) spec, or a kernel's root=, names; None when none does."""
    kind, separator, value = spec.partition("=")
    if separator:
        value = value.strip('"')
        field = {"UUID": "uuid", "LABEL": "label", "PARTUUID": "partition_uuid", "PARTLABEL": "partition_label"}
        name = field.get(kind.upper())
        if name is None or not value:
            return None
        return next((d for d in devices if str(getattr(d, name)).lower() == value.lower()), None)
    if spec.startswith("/dev/disk/by-uuid/"):
        return find_device("UUID=" + spec.rpartition("/")[2], devices)
    if spec.startswith("/dev/disk/by-partuuid/"):
        return find_device("PARTUUID=" + spec.rpartition("/")[2], devices)
    return next((d for d in devices if spec in {d.path, f"/dev/{d.name}", *d.persistent_links}), None)


def _subvolume(mount: Mount | None, line: FstabLine | None) -> str:
    if mount is not None:
        return mount.root.strip("/")
    options = line.options if line is not None else ()
    named = [option.partition("=")[2] for option in options if option.startswith("subvol=")]
    return named[0].strip("/") if named else ""


def _stack(device: BlockDevice, by_name: dict[str, BlockDevice]) -> tuple[str, ...]:
    """What lies between the file system and the disks, innermost first, each once."""
    found: list[str] = []
    seen: set[str] = set()
    waiting = [device]
    while waiting:
        current = waiting.pop(0)
        if current.name in seen:
            continue
        seen.add(current.name)
        word = STACKS.get(current.kind) or _CONTENT.get(current.file_system)
        if word is None and current.kind not in {"disk", "part", "loop", "rom"}:
            word = current.kind
        if word and word not in found:
            found.append(word)
        waiting.extend(by_name[name] for name in current.parents if name in by_name)
    return tuple(reversed(found))


def _not_covered(volumes: Sequence[Volume]) -> Iterable[str]:
    for volume in volumes:
        if volume.stack:
            yield f"{volume.target} lies on {' + '.join(volume.stack)}: this version has no rescue steps to assemble it."
        elif volume.file_system and volume.file_system not in PLAIN_FILE_SYSTEMS:
            yield f"{volume.target} is {volume.file_system}: this version has no rescue steps for it."
