"""How this host's file systems are to be mounted in a rescue shell: which, in what order, by which name.

Device names such as ``sda2`` move between a host and a rescue medium, so a volume is named by its UUID, or by the name that
its volume group or its unlocked container gives it. What a file system stands on is followed down to whole disks
(:mod:`bootkeep.remedies.assembly`); a stack that this version has no steps for is named, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.storage import BlockDevice, FstabLine, Mount
from bootkeep.facts.typed import valid_uuid
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.remedies.assembly import NOTHING, WORDS, Assembly, assembly_of, volume_name, whole_groups

#: File systems that a rescue shell mounts by UUID without more ado.
PLAIN_FILE_SYSTEMS = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "f2fs", "jfs"})

#: These words in a sentence mean that the rescue path ends before the first mount.
NO_STEPS = "this version has no rescue steps"

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
    ]  # what has to be assembled first, lowest first: ("LUKS encryption", "LVM"); empty for a partition
    source: str = (
        ""  # what ``mount`` is told: UUID=..., /dev/vg0/root or /dev/mapper/crypt0; empty when it is not known
    )
    members: int = 1  # btrfs: devices of the file system


@dataclass(frozen=True, slots=True)
class Layout:
    """All volumes that a repair needs, parents before children."""

    volumes: tuple[Volume, ...]
    boot_disks: tuple[BlockDevice, ...]  # whole disks below the file system that holds /boot
    esp_disks: tuple[BlockDevice, ...]
    not_covered: tuple[str, ...]  # sentences
    assembly: Assembly = NOTHING  # what is opened before anything is mounted, and closed after, in reverse
    root_disks: tuple[BlockDevice, ...] = ()  # whole disks below the root file system
    esps: tuple[Volume, ...] = ()  # EFI system partitions: the mounted ones, then those that nothing mounts (no target)

    @property
    def covered(self) -> bool:
        """Whether this version has steps for all of it."""
        return not any(NO_STEPS in sentence for sentence in self.not_covered)

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
        """The first EFI system partition that is mounted."""
        return next((v for v in self.esps if v.target), None)

    def in_loader(self, path: str) -> str:
        """A path below /boot as GRUB names it: from the top of the file system that holds it, subvolume included."""
        boot = self.boot
        if boot is None:
            return path
        inner = path.removeprefix("/boot") if boot.target == "/boot" else path
        return f"/{boot.subvolume}{inner}" if boot.subvolume else inner


def layout_of(state: BootState) -> Layout:
    """Work out the layout from what is mounted now, else from fstab; what neither tells stays without UUID."""
    devices = devices_of(state)
    mounts = state.mounts if isinstance(state.mounts, tuple) else ()
    lines = state.fstab if isinstance(state.fstab, tuple) else ()
    targets = {m.target for m in mounts if _needed_mount(m)} | {li.target for li in lines if _needed_line(li)}
    volumes = tuple(_volume(target, devices, mounts, lines) for target in mount_order({"/", *targets}))
    below = [(v.target, v.device) for v in volumes if v.device is not None]
    known = state.stacks.crypttab if isinstance(state.stacks.crypttab, tuple) else ()
    assembly = assembly_of(below, devices, crypttab=known)
    not_covered = [*_not_covered(volumes, lines), *assembly.problems]
    if isinstance(state.block_devices, (Absent, Unknown)):
        not_covered.append("The block devices could not be read: the UUIDs of this host are read from the screen.")
    elif not volumes[0].uuid:
        not_covered.append("The device of the root file system was not found: its UUID is read from the screen.")
    by_name = {device.name: device for device in devices}
    esps = _esps(volumes, devices)
    boot = next((v for target in ("/boot", "/") for v in volumes if v.target == target), None)
    esp_disks = {disk.name: disk for volume in esps for disk in _disks(volume, by_name)}
    root_disks = _disks(volumes[0], by_name)
    return Layout(
        volumes, _disks(boot, by_name), tuple(esp_disks.values()), tuple(not_covered), assembly, root_disks, esps
    )


def _esps(volumes: Sequence[Volume], devices: Sequence[BlockDevice]) -> tuple[Volume, ...]:
    """Every EFI system partition of the host: what it mounts below /boot or /efi, and further ones beside those."""
    mounted = [
        v
        for v in volumes
        if v.file_system == "vfat"
        and (v.target in {"/boot/efi", "/efi"} or v.target.startswith("/boot/efi") or _is_esp(v.device))
    ]
    seen = {v.uuid for v in mounted}
    spare = [
        Volume("", device.uuid, "vfat", "", device, (), f"UUID={device.uuid}")
        for device in sorted(devices, key=lambda device: device.uuid)
        if _is_esp(device)
        and device.file_system == "vfat"
        and valid_uuid(device.uuid)
        and device.uuid not in seen
        # A rescue stick has one too: it says that it can be taken away, and so does its disk.
        and not device.removable
        and not any(d.removable for d in devices if d.name in device.parents)
    ]
    return (*mounted, *spare)


def _is_esp(device: BlockDevice | None) -> bool:
    # UEFI specification, table 5-7; the MBR type is 0xef.
    return device is not None and device.partition_type.lower() in {
        "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
        "0xef",
        "ef",
    }


def devices_of(state: BootState) -> tuple[BlockDevice, ...]:
    """The block devices; a logical volume stands on all physical volumes of its group, also those that it has no part on."""
    devices = state.block_devices if isinstance(state.block_devices, tuple) else ()
    volumes = state.stacks.physical_volumes if isinstance(state.stacks.physical_volumes, tuple) else ()
    return whole_groups(devices, [(volume.path, volume.group) for volume in volumes])


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
        # A loop device with nothing below it is the disk of an image that was started from (a container, a test host).
        if current.kind == "disk" or (current.kind == "loop" and not current.parents):
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
    uuid = uuid if valid_uuid(uuid) else ""
    members = sum(d.uuid == uuid and d.file_system == "btrfs" for d in devices) if file_system == "btrfs" else 1
    return Volume(target, uuid, file_system, subvolume, device, stack, _source(uuid, device), max(1, members))


def _source(uuid: str, device: BlockDevice | None) -> str:
    """What ``mount`` is told. An LVM snapshot has the UUID of its origin, so volumes go by their own names."""
    if device is not None and device.kind == "lvm" and all(volume_name(device)):
        return "/dev/" + "/".join(volume_name(device))
    return f"UUID={uuid}" if uuid else ""


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
    """What lies between the file system and the disks, in words, lowest first."""
    assembly = assembly_of([("", device)], tuple(by_name.values()))
    words = [WORDS[layer.kind] for layer in assembly.layers]
    strange = [f"what this version does not know ({device.kind})"] if assembly.problems else []
    return tuple(dict.fromkeys((*words, *strange)))


def _not_covered(volumes: Sequence[Volume], lines: Sequence[FstabLine]) -> Iterable[str]:
    for volume in volumes:
        if volume.file_system and volume.file_system not in PLAIN_FILE_SYSTEMS:
            yield f"{volume.target} is {volume.file_system}: {NO_STEPS} for it."
        spec = next((line.spec for line in lines if line.target == volume.target), "")
        if volume.device is None and spec.startswith(("/dev/mapper/", "/dev/md")):
            yield f"{volume.target} is {spec} in fstab, and what that stands on was not seen: {NO_STEPS} to assemble it."
