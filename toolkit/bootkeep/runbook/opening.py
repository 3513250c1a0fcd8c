"""Opening what lies between the disks and the file systems, and closing it again: only the layers that this host has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from bootkeep.facts.remedy import Place, Step
from bootkeep.facts.runbook import CALL, RESTORE
from bootkeep.facts.typed import plain
from bootkeep.remedies.assembly import ARRAY, GROUP, LUKS, MULTIPATH, NOTHING, Assembly, Layer, assembly_of, mapper_name
from bootkeep.remedies.layout import Volume, devices_of
from bootkeep.runbook.host import HostFacts
from bootkeep.runbook.steps import shell

#: Level of an array -> the kernel module that runs it.
_PERSONALITIES = {
    "raid0": "raid0",
    "raid1": "raid1",
    "raid10": "raid10",
    **dict.fromkeys(("raid4", "raid5", "raid6"), "raid456"),
}
#: How many of its disks an array can do without.
_SPARED = {"raid1": -1, "raid4": 1, "raid5": 1, "raid6": 2, "raid10": 1}

#: udev's link to a whole multipath map; a partition of it has ``part1-mpath-``.
_WWID = re.compile(r"/dev/disk/by-id/dm-uuid-mpath-([A-Za-z0-9._-]+)")

StepRow = tuple[Step, str, tuple[str, ...]]

#: What opens a layer, the package that has it, and the kernel module it needs.
TOOLS = {
    MULTIPATH: ("multipath", "multipath-tools", "dm_multipath"),
    ARRAY: ("mdadm", "mdadm", "md_mod"),
    LUKS: ("cryptsetup", "cryptsetup-bin", "dm_crypt"),
    GROUP: ("vgchange", "lvm2", "dm_mod"),
}


def opening(facts: HostFacts) -> list[StepRow]:
    """The steps on the rescue medium, lowest layer first."""
    layers = facts.layout.assembly.layers
    rows: list[StepRow] = []
    kinds = list(dict.fromkeys(layer.kind for layer in layers))
    if kinds:
        rows.append(_tools(kinds, layers))
    for kind, run in _runs(layers):
        match kind:
            case "multipath":
                rows.append(_multipath(run, facts))
            case "md":
                rows.append(_arrays(run, facts))
            case "luks":
                rows += [(unlock(layer, facts, Place.RESCUE), CALL, ()) for layer in run]
            case _:
                rows += [(_group(layer), CALL, ()) for layer in run]
    if any(volume.members > 1 for volume in facts.layout.volumes):
        scan = shell(
            Place.RESCUE,
            "Make all devices of the btrfs file system known.",
            "btrfs device scan",
            "btrfs filesystem show",
            expect="every file system with all its devices, no 'missing'",
            on_fail="A device is missing: add degraded to the options of the first mount below, and write it down",
        )
        rows.append((scan, CALL, ()))
    return rows


def closing(facts: HostFacts) -> tuple[str, ...]:
    """The commands that close every layer: the exact reverse of :func:`opening`."""
    lines: list[str] = []
    for kind, run in reversed(list(_runs(facts.layout.assembly.layers))):
        match kind:
            case "multipath":
                lines.append("multipath -F")
            case "md":
                lines.append("mdadm --stop --scan")
            case "luks":
                lines += [f"cryptsetup close {layer.name}" for layer in reversed(run)]
            case _:
                lines += [f"vgchange -an {layer.name}" for layer in reversed(run)]
    return tuple(lines)


def _runs(layers: Sequence[Layer]) -> Iterator[tuple[str, list[Layer]]]:
    """Neighbours of one kind: all arrays, and all multipath maps, are opened by one command."""
    for kind, run in groupby(layers, key=lambda layer: layer.kind):
        yield kind, list(run)


def _raid_modules(layers: Sequence[Layer]) -> list[str]:
    """What the kernel needs for the levels that there are; without it an array stays inactive, and says nothing of use."""
    levels = {layer.level for layer in layers if layer.kind == ARRAY}
    return ["md_mod", *(module for level, module in _PERSONALITIES.items() if level in levels)]


def _tools(kinds: list[str], layers: Sequence[Layer]) -> StepRow:
    modules = [module for kind in kinds for module in ((TOOLS[kind][2],) if kind != ARRAY else _raid_modules(layers))]
    names = " ".join(TOOLS[kind][0] for kind in kinds)
    packages = " ".join(TOOLS[kind][1] for kind in kinds)
    step = shell(
        Place.RESCUE,
        "Has this medium what it takes to open this host's disks?",
        f"command -v {names}",
        f"modprobe -a {' '.join(dict.fromkeys(modules))}",
        expect=f"{len(kinds)} path{'s' if len(kinds) > 1 else ''}, nothing from modprobe",
        on_fail=f"With a network: apt-get update; apt-get install {packages}. Without: another medium (page 1)",
    )
    return step, CALL, ()


def _multipath(run: Sequence[Layer], facts: HostFacts) -> StepRow:
    """A medium does not know this host's LUNs, and multipath joins only those that it knows (multipath.conf(5): strict)."""
    ids = multipath_ids(run, facts)
    names = ", ".join(layer.name for layer in run)
    known = ["mkdir -p /etc/multipath", *(f"echo /{each}/ >>/etc/multipath/wwids" for each in ids)] if ids else []
    step = shell(
        Place.RESCUE,
        "Join the paths to the disk. Two copies of one UUID are one disk seen twice: never mount a single path.",
        *known,
        "multipath -v2" if known else "multipath -i -v2",
        "multipath -ll",
        expect=(f"{', '.join(ids)} (on the host: {names})" if ids else names) + ", with every path 'active ready'",
        on_fail="'failed' paths: go on with one path, write it down. No map at all: the SAN or its driver",
        undo=("multipath -F",),
    )
    return step, CALL, ()


def multipath_ids(run: Sequence[Layer], facts: HostFacts) -> tuple[str, ...]:
    """The WWIDs of the maps, by udev's links to them; empty when one of them has none that can be typed."""
    made = {name for layer in run for name in layer.devices}
    devices = [device for device in devices_of(facts.state) if device.name in made]
    found = [match[1] for d in devices for link in d.persistent_links if (match := _WWID.fullmatch(link))]
    return tuple(found) if len(found) == len(devices) else ()


def _arrays(run: Sequence[Layer], facts: HostFacts) -> StepRow:
    arrays = [layer.uuid for layer in run if layer.uuid]
    made = {name for layer in run for name in layer.devices}
    members = max((array_members(layer, facts) for layer in run), default=2)
    step = shell(
        Place.RESCUE,
        "Start the RAID arrays, whole or degraded. 'No arrays found' is all right: the medium has done it already. "
        "Never --create.",
        "mdadm --assemble --scan",
        "mdadm --incremental --run --scan",
        "mdadm --detail --scan",
        "cat /proc/mdstat",
        expect=("; ".join(f"UUID={uuid}" for uuid in arrays) + "; then " if arrays else "")
        + f"active, and [{'U' * members}]"
        + (" (DEGRADED already when this was written)" if _degraded(facts, made) else "")
        + (f", {len(run)} times" if len(run) > 1 else ""),
        on_fail="An _ in the brackets is a missing disk: the array is degraded. Go on, write it down, replace it after the "
        "boot. No array, or inactive: the disks",
        undo=("mdadm --stop --scan",),
    )
    return step, RESTORE, ()


def array_members(layer: Layer, facts: HostFacts) -> int:
    """Of how many disks an array was made when this was written."""
    return max((len(device.parents) for device in devices_of(facts.state) if device.name in layer.devices), default=2)


def disks_enough(facts: HostFacts) -> int:
    """How many of its disks the host can start with; 0 where / or /boot lies on no array that can lose one."""
    needed = [_disks_enough(volume, facts) for volume in (facts.layout.boot, facts.layout.root)]
    return max(needed) if all(needed) else 0


def _disks_enough(volume: Volume | None, facts: HostFacts) -> int:
    for layer in reversed(below(volume, facts).layers):
        spared = _SPARED.get(layer.level, 0) if layer.kind == ARRAY else 0
        if spared:
            return 1 if spared < 0 else array_members(layer, facts) - spared
    return 0


def _degraded(facts: HostFacts, names: set[str]) -> bool:
    arrays = facts.state.stacks.arrays if isinstance(facts.state.stacks.arrays, tuple) else ()
    return any(array.degraded for array in arrays if array.name in names)


def passphrase_place(facts: HostFacts) -> str:
    """Where the passphrase is kept, as a sentence; never the passphrase."""
    place = plain(facts.policy.site.passphrase_place)
    return (
        f"The passphrase is kept here: {place}."
        if place
        else "Where the passphrase is kept is NOT in the policy: CALL."
    )


def unlock(layer: Layer, facts: HostFacts, place: Place) -> Step:
    """Unlock one container, under the name that crypttab gives it."""
    key = key_file(layer, facts)
    told = f" The host itself uses the key {key}; here a passphrase is needed." if key else ""
    return shell(
        place,
        f"Unlock the disk. {passphrase_place(facts)}{told} Never write it on this paper. The last word is the name in "
        "crypttab: exactly this one, or the next initramfs cannot unlock.",
        f"cryptsetup open UUID={layer.uuid} {layer.name}",
        f"ls /dev/mapper/{layer.name}",
        expect=f"Enter passphrase ..., then /dev/mapper/{layer.name}",
        on_fail="'No key available': keyboard layout? Type it where you see it first. A key from a TPM or a server does "
        "not work here: use the recovery passphrase",
        undo=(f"cryptsetup close {layer.name}",),
    )


def luks_version(layer: Layer, facts: HostFacts) -> int:
    """1 or 2; 0 when it was not read."""
    headers = facts.state.stacks.luks if isinstance(facts.state.stacks.luks, tuple) else ()
    return next((header.version for header in headers if header.uuid == layer.uuid), 0)


def key_file(layer: Layer, facts: HostFacts) -> str:
    """The key file that crypttab names for a container; empty when somebody types a passphrase."""
    lines = facts.state.stacks.crypttab if isinstance(facts.state.stacks.crypttab, tuple) else ()
    key = next((line.key for line in lines if line.name == layer.name), "")
    return plain(key) if key not in {"", "none", "-"} else ""


def _group(layer: Layer) -> Step:
    return shell(
        Place.RESCUE,
        "Make the logical volumes appear.",
        f"vgchange -ay {layer.name}",
        f"lvs {layer.name}",
        expect=f'... logical volume(s) in volume group "{layer.name}" now active',
        on_fail="'not found': the step before has failed, or the medium has a devices file of its own: then add "
        '--devicesfile "" after vgchange and after lvs',
        undo=(f"vgchange -an {layer.name}",),
    )


def below(volume: Volume | None, facts: HostFacts) -> Assembly:
    """The layers below one volume."""
    if volume is None or volume.device is None:
        return NOTHING
    devices = devices_of(facts.state)
    device = next((d for d in devices if d.name == volume.device.name), volume.device)
    crypttab = facts.state.stacks.crypttab
    return assembly_of([(volume.target, device)], devices, crypttab=crypttab if isinstance(crypttab, tuple) else ())


def opening_in_initramfs(facts: HostFacts) -> list[StepRow]:
    """The same in the shell of the initramfs, for the root file system only: the boot goes on from there."""
    rows: list[StepRow] = []
    for kind, run in _runs(below(facts.layout.root, facts).layers):
        match kind:
            case "md":
                whole = "U" * max(array_members(layer, facts) for layer in run)
                step = shell(
                    Place.INITRAMFS,
                    "Start the RAID arrays, whole or degraded.",
                    "mdadm --assemble --scan",
                    "mdadm --incremental --run --scan",
                    "cat /proc/mdstat",
                    expect=f"active, and [{whole}]; [{whole[:-1]}_] is degraded: go on, and write it down",
                )
                rows.append((step, "P", ()))
            case "luks":
                rows += [(unlock(layer, facts, Place.INITRAMFS), "P", ()) for layer in run]
            case "lvm":
                rows += [(_group_in_initramfs(layer), "P", ()) for layer in run]
            case _:
                step = shell(Place.INITRAMFS, "Join the paths to the disk.", "multipath -v2", expect="the map's name")
                rows.append((step, "P", ()))
    return rows


def _group_in_initramfs(layer: Layer) -> Step:
    return shell(
        Place.INITRAMFS,
        "Make the logical volumes appear.",
        f"lvm vgchange -ay {layer.name}",
        expect=f'... logical volume(s) in volume group "{layer.name}" now active',
    )


def grub_name(volume: Volume | None, facts: HostFacts) -> str:
    """What GRUB calls the device of a file system that lies on LVM, md or LUKS; empty for others.

    Names as GRUB's diskfilter and cryptodisk give them: ``lvm/<mapper name>``, ``mduuid/<32 digits>``, ``crypto0``.
    """
    if volume is None or volume.device is None:
        return ""
    device = volume.device
    if device.kind == "lvm":
        return f"lvm/{mapper_name(device)}"
    layers = below(volume, facts).layers
    if device.kind == "crypt":
        return "crypto0"
    if layers and layers[-1].kind == ARRAY and device.name in layers[-1].devices and layers[-1].uuid:
        return "mduuid/" + layers[-1].uuid.replace(":", "")
    return ""


def unlock_in_grub(volume: Volume | None, facts: HostFacts) -> tuple[str, ...]:
    """``cryptomount`` for an encrypted /boot. GRUB before 2.12 takes the UUID without its dashes only; later ones take both."""
    return tuple(
        f"cryptomount -u {layer.uuid.replace('-', '')}" for layer in below(volume, facts).layers if layer.kind == LUKS
    )


def grub_modules(volume: Volume | None, facts: HostFacts) -> tuple[str, ...]:
    """The modules that GRUB needs to see through the layers; those in its core already are no harm."""
    modules: list[str] = []
    for layer in below(volume, facts).layers:
        match layer.kind:
            case "md":
                modules += [
                    "mdraid1x",
                    *({"raid5": ["raid5rec"], "raid4": ["raid5rec"], "raid6": ["raid6rec"]}.get(layer.level, [])),
                ]
            case "luks":
                version = luks_version(layer, facts)
                modules += ["cryptodisk", *(["luks"] if version != 2 else []), *(["luks2"] if version != 1 else [])]
            case "lvm":
                modules.append("lvm")
    return tuple(dict.fromkeys(modules))
