"""What has to be assembled before a file system can be mounted: multipath, md RAID, LUKS and LVM, in the order that works.

Followed from the file systems down to the disks, through what lsblk(8) shows. A layer is what one command opens and one
closes: a multipath map, an array, an unlocked LUKS container, a whole volume group. Whatever else lies in between is named
in words and never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bootkeep.facts.stacks import CrypttabLine
from bootkeep.facts.storage import BlockDevice
from bootkeep.facts.typed import valid_uuid

MULTIPATH, ARRAY, LUKS, GROUP = "multipath", "md", "luks", "lvm"

#: lsblk's TYPE of a device -> the layer that makes it. ``linear`` may be md's or the device mapper's: its parents tell.
LAYER_OF_KIND = {
    "mpath": MULTIPATH,
    "crypt": LUKS,
    "lvm": GROUP,
    "md": ARRAY,
    "linear": ARRAY,
    **{f"raid{level}": ARRAY for level in (0, 1, 4, 5, 6, 10)},
}
#: How a person calls it.
WORDS = {MULTIPATH: "multipath", ARRAY: "md RAID", LUKS: "LUKS encryption", GROUP: "LVM"}

#: What a device may hold for something else to stand on it, and the layer that opens it.
_CONTENT = {
    "linux_raid_member": ARRAY,
    "crypto_LUKS": LUKS,
    "LVM2_member": GROUP,
    "mpath_member": MULTIPATH,
}
_MAPPER_NAME = re.compile(r"[A-Za-z0-9#+_.:=@][A-Za-z0-9#+_.:=@-]{0,127}")


@dataclass(frozen=True, slots=True)
class Layer:
    """Something that one command assembles. ``needs`` are the keys of the layers that must be there before it."""

    kind: str  # one of the four above
    name: str  # LUKS: the mapper's name, as crypttab has it; LVM: the volume group; multipath: the map; md: as it was, e.g. md0
    uuid: str = ""  # LUKS: of the container; md: of the array, four groups joined by ``:`` as mdadm(8) writes it
    level: str = ""  # md: raid1, raid5, ...
    devices: tuple[str, ...] = ()  # names of the block devices that it makes
    needs: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Tells layers apart. The number of an array moves, its UUID does not."""
        return f"{self.kind}:{self.uuid or self.name if self.kind == ARRAY else self.name}"

    @property
    def words(self) -> str:
        """For a sentence: ``volume group vg0``."""
        return {
            MULTIPATH: f"multipath map {self.name}",
            ARRAY: f"{self.level or 'md'} array {self.uuid or self.name}",
            LUKS: f"LUKS container {self.name}",
            GROUP: f"volume group {self.name}",
        }[self.kind]


@dataclass(frozen=True, slots=True)
class Assembly:
    """All layers below some devices, each after what it needs; and what could not be understood, as sentences."""

    layers: tuple[Layer, ...]
    problems: tuple[str, ...]

    def of_kind(self, kind: str) -> tuple[Layer, ...]:
        """The layers of one kind, in order."""
        return tuple(layer for layer in self.layers if layer.kind == kind)


#: Of a file system on a plain partition.
NOTHING = Assembly((), ())


def assembly_of(
    wanted: Iterable[tuple[str, BlockDevice]],
    devices: Sequence[BlockDevice],
    *,
    crypttab: Sequence[CrypttabLine] = (),
) -> Assembly:
    """Work out the layers below the devices of ``(mount point, device)`` pairs. What crypttab calls a container is its name."""
    named = {
        line.spec.partition("=")[2].strip('"').lower(): line.name for line in crypttab if line.spec.startswith("UUID=")
    }
    by_name = {device.name: device for device in devices}
    layers: dict[str, Layer] = {}
    problems: list[str] = []
    for target, device in wanted:
        for name in _reachable(device, by_name):
            found = _layer(by_name.get(name, device), by_name)
            if isinstance(found, str):
                problems.append(f"{target} stands on {found}: this version has no rescue steps to assemble it.")
            elif found is not None:
                if found.kind == LUKS and _MAPPER_NAME.fullmatch(named.get(found.uuid.lower(), "")):
                    found = replace(found, name=named[found.uuid.lower()])
                known = layers.get(found.key)
                names = (*(known.devices if known else ()), *found.devices)
                layers[found.key] = replace(found, devices=tuple(sorted(set(names))))
    made_by = {name: layer.key for layer in layers.values() for name in layer.devices}
    layers = {key: replace(layer, needs=_needs(layer, by_name, made_by)) for key, layer in layers.items()}
    ordered, rest = topological({key: layer.needs for key, layer in layers.items()})
    problems += [
        f"{layers[key].words} stands on itself: this version has no rescue steps to assemble it." for key in rest
    ]
    return Assembly(tuple(layers[key] for key in ordered), tuple(dict.fromkeys(problems)))


def whole_groups(devices: Sequence[BlockDevice], members: Iterable[tuple[str, str]]) -> tuple[BlockDevice, ...]:
    """The devices, each logical volume standing on every one of the ``(path, volume group)`` pairs of its group.

    lsblk shows the physical volumes that a volume lies on; the group comes up whole with all of them only.
    """
    held: dict[str, list[str]] = {}
    for path, group in members:
        held.setdefault(group, []).extend(
            d.name for d in devices if path in {d.path, f"/dev/{d.name}", *d.persistent_links}
        )
    lowest = {
        d.name for d in devices if d.kind == "lvm" and not any(p.kind == "lvm" for p in devices if p.name in d.parents)
    }
    return tuple(
        replace(d, parents=tuple(dict.fromkeys((*d.parents, *held.get(volume_name(d)[0], ())))))
        if d.name in lowest
        else d
        for d in devices
    )


def topological(needs: Mapping[str, Iterable[str]]) -> tuple[list[str], list[str]]:
    """Keys, each after all that it needs and otherwise in alphabetical order; and those that wait for each other."""
    waiting = {key: {need for need in wanted if need in needs} for key, wanted in needs.items()}
    ordered: list[str] = []
    while ready := sorted(key for key, wanted in waiting.items() if wanted <= set(ordered)):
        ordered.append(ready[0])
        del waiting[ready[0]]
    return ordered, sorted(waiting)


def mapper_name(device: BlockDevice) -> str:
    """The device mapper's name of a device: what stands behind ``/dev/mapper/``."""
    return device.path.removeprefix("/dev/mapper/") if device.path.startswith("/dev/mapper/") else device.name


def volume_name(device: BlockDevice) -> tuple[str, str]:
    """Volume group and logical volume of an LVM device, e.g. ``vg-0--root`` is ``vg`` and ``0-root``; empty when it is neither.

    The device mapper joins the two by ``-`` and doubles every ``-`` inside of them (dmsetup(8), splitname).
    """
    match = re.fullmatch(r"((?:[^-]|--)+)-((?:[^-]|--)+)", mapper_name(device))
    if match is None or not _MAPPER_NAME.fullmatch(match[0]):
        return "", ""
    return match[1].replace("--", "-"), match[2].replace("--", "-")


def array_uuid(text: str) -> str:
    """An array's UUID as mdadm writes it (``aaaaaaaa:bbbb...``) from blkid's form of it; empty when it is none."""
    digits = re.sub(r"[-:]", "", text).lower()
    return (
        ":".join(digits[start : start + 8] for start in (0, 8, 16, 24)) if re.fullmatch("[0-9a-f]{32}", digits) else ""
    )


def parents_of(device: BlockDevice, by_name: Mapping[str, BlockDevice]) -> tuple[BlockDevice, ...]:
    """The devices directly below."""
    return tuple(by_name[name] for name in device.parents if name in by_name)


def _reachable(device: BlockDevice, by_name: Mapping[str, BlockDevice]) -> list[str]:
    found: list[str] = []
    waiting = [device.name]
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found.append(name)
            waiting += [parent.name for parent in parents_of(by_name.get(name, device), by_name)]
    return found


def _layer(device: BlockDevice, by_name: Mapping[str, BlockDevice]) -> Layer | str | None:
    """The layer that makes a device; None for disks and partitions; words for what is not understood."""
    below = parents_of(device, by_name)
    strange = next((d.file_system for d in below if d.file_system and not _content_fits(d, device)), "")
    if strange:
        return strange
    if device.kind in {"disk", "part", "loop", "rom"} or _partition_of_array(device, below):
        return None
    kind = LAYER_OF_KIND.get(device.kind, "")
    if kind == ARRAY and any(d.file_system and d.file_system != "linux_raid_member" for d in below):
        kind = ""
    if not kind:
        return f"'{device.kind}'"
    name = volume_name(device)[0] if kind == GROUP else mapper_name(device)
    if not _MAPPER_NAME.fullmatch(name):
        return f"{WORDS[kind]} with a name that cannot be typed"
    uuid = next((d.uuid for d in below if d.uuid and _CONTENT.get(d.file_system) == kind), "")
    if kind == LUKS and not valid_uuid(uuid):
        return "encryption that is no LUKS container with a UUID"
    if kind == ARRAY:
        uuid = array_uuid(uuid)
    return Layer(
        kind, name, uuid if kind in {ARRAY, LUKS} else "", device.kind if kind == ARRAY else "", (device.name,)
    )


def _partition_of_array(device: BlockDevice, below: Sequence[BlockDevice]) -> bool:
    """``md0p1``: lsblk gives the partitions of an array the type ``md``."""
    return device.kind == "md" and len(below) == 1 and LAYER_OF_KIND.get(below[0].kind) == ARRAY


def _content_fits(below: BlockDevice, device: BlockDevice) -> bool:
    """Whether what a device holds is opened by the layer that stands on it."""
    if device.kind == "part":  # of a disk, of a path of a multipath map, or of the map itself
        return below.file_system == "mpath_member"
    if device.kind == "lvm" and below.kind == "lvm":  # parts of a mirror or a pool inside one volume group
        return True
    return _CONTENT.get(below.file_system) == LAYER_OF_KIND.get(device.kind, device.kind)


def _needs(layer: Layer, by_name: Mapping[str, BlockDevice], made_by: Mapping[str, str]) -> tuple[str, ...]:
    """Keys of the nearest layers below the devices of a layer."""
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [parent for name in layer.devices if name in by_name for parent in by_name[name].parents]
    while waiting:
        name = waiting.pop()
        if name in seen or name not in by_name:
            continue
        seen.add(name)
        key = made_by.get(name, "")
        if key and key != layer.key:
            found.add(key)
        else:
            waiting += by_name[name].parents
    return tuple(sorted(found))
