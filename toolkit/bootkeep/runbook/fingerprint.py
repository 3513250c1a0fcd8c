"""Does the paper still describe its host? Digests of exactly the facts that it depends on.

Stable against what moves without meaning: device names, the order of disks and of unsorted lists, USB sticks, loop devices.
A fact that could not be read is part of the digest as such; comparing it gives UNKNOWN, never "unchanged".
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.codec import to_plain
from bootkeep.facts.policy import Policy
from bootkeep.facts.runbook import FactsInWords, Fingerprint, Freshness
from bootkeep.facts.storage import BlockDevice
from bootkeep.facts.typed import plain
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.remedies.assembly import ARRAY
from bootkeep.remedies.layout import layout_of
from bootkeep.remedies.toolset import RPM, family_of

#: How bad it is when a section of the facts moved.
WEIGHT = {
    "firmware": Freshness.INVALID,
    "disks": Freshness.INVALID,
    "mounts": Freshness.INVALID,
    "identity": Freshness.INVALID,
    "arguments": Freshness.STALE,
    "kernels": Freshness.STALE,
    "entries": Freshness.STALE,
    "root-lock": Freshness.STALE,
    "drivers": Freshness.STALE,
    "people": Freshness.STALE_MINOR,
    "packages": Freshness.STALE_MINOR,
}
_ORDER = (Freshness.FRESH, Freshness.STALE_MINOR, Freshness.STALE, Freshness.INVALID)

#: Arguments that differ from boot to boot without a change of configuration.
_FLEETING = ("BOOT_IMAGE=", "initrd=")


def fingerprint_of(state: BootState, policy: Policy) -> Fingerprint:
    """The digests of one host's facts."""
    sections = {name: _digest(value) for name, value in _facts(state, policy).items()}
    unread = tuple(sorted(name for name, value in _facts(state, policy).items() if _has_unknown(value)))
    return Fingerprint(_digest(sections), tuple(sorted(sections.items())), unread)


def compare_fingerprints(printed: Fingerprint | None, now: Fingerprint) -> tuple[Freshness, tuple[str, ...]]:
    """How fresh the paper is, and which sections moved. No paper, or facts that cannot be read now: UNKNOWN."""
    if printed is None:
        return Freshness.UNKNOWN, ()
    before, after = dict(printed.sections), dict(now.sections)
    moved = tuple(name for name in sorted({*before, *after}) if before.get(name) != after.get(name))
    certain = [name for name in moved if name not in now.unread and name not in printed.unread]
    worst = max((_ORDER.index(WEIGHT.get(name, Freshness.STALE)) for name in certain), default=0)
    if worst == 0 and (now.unread or printed.unread):
        return Freshness.UNKNOWN, moved
    return _ORDER[worst], moved


def facts_in_words(state: BootState, policy: Policy) -> tuple[FactsInWords, ...]:
    """The same facts, each in a line: what a record keeps beside the digests, so that a person is told which one moved.

    Without the people: their telephone numbers belong on the paper, and into no message.
    """
    facts = {name: value for name, value in _facts(state, policy).items() if name != "people"}
    return tuple(
        FactsInWords(name, tuple(dict.fromkeys(words for each in _each(value) if (words := _in_words(each)))))
        for name, value in facts.items()
    )


def moved_in_words(
    printed: Iterable[FactsInWords], now: Iterable[FactsInWords], moved: Iterable[str]
) -> tuple[str, ...]:
    """One line for each fact of the ``moved`` sections that is gone (-) or new (+). A section with no record says nothing."""
    before, after = ({each.section: each.lines for each in facts} for facts in (printed, now))
    lines: list[str] = []
    for name in moved:
        if name in before and name in after:
            lines += [f"{name} - {line}" for line in before[name] if line not in after[name]]
            lines += [f"{name} + {line}" for line in after[name] if line not in before[name]]
    return tuple(lines)


def _each(value: Any) -> list[Any]:
    """The facts of one section: what is in its lists, one level down where a list holds lists of facts."""
    if not isinstance(value, list):
        return [value]
    nested = [item for item in value if isinstance(item, list) and item and all(isinstance(x, list) for x in item)]
    return [item for item in value if item not in nested and item != []] + [x for item in nested for x in item]


def _in_words(value: Any) -> str:
    """Texts side by side; a digest by its first twelve digits."""
    if isinstance(value, list):
        return " ".join(word for word in map(_in_words, value) if word)
    if isinstance(value, dict):
        return "could not be read" if set(value) == {"unknown"} else "none"
    text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
    return text[:12] if re.fullmatch(r"[0-9a-f]{64}", text) else plain(text)


def _facts(state: BootState, policy: Policy) -> dict[str, Any]:
    layout = layout_of(state)
    default = state.default_entry
    chosen: Any = to_plain(default)
    if not isinstance(default, (Absent, Unknown)) and not isinstance(default.entry, (Absent, Unknown)):
        chosen = [default.entry.full_id, default.entry.kernel_path]
    return {
        "identity": [state.identity.hostname, state.identity.serial, state.identity.architecture],
        "firmware": _firmware(state),
        "disks": _disks(state),
        "mounts": [[v.target, v.uuid, v.file_system, v.subvolume, list(v.stack)] for v in layout.volumes]
        + [[layer.kind, "" if layer.kind == ARRAY else layer.name, layer.uuid] for layer in layout.assembly.layers]
        + [
            _maybe(state.mounts) if isinstance(state.mounts, Unknown) and isinstance(state.fstab, Unknown) else [],
            _fstab(state),
        ],
        "arguments": _arguments(state),
        "kernels": _kernels(state),
        "entries": [chosen, _entries(state)],
        "root-lock": to_plain(state.root_locked),
        "drivers": _maybe(state.root_drivers),
        # Which copy lies in the binder says nothing of the host; a new id would never match itself.
        "people": [to_plain(policy.people), to_plain(replace(policy.site, printed_runbook=""))],
        "packages": _packages(state),
    }


def _maybe(value: Any) -> Any:
    return to_plain(value) if isinstance(value, (Absent, Unknown)) else sorted(to_plain(item) for item in value)


def _firmware(state: BootState) -> Any:
    firmware = state.firmware
    if isinstance(firmware, (Absent, Unknown)):
        return to_plain(firmware)
    return [firmware.mode, to_plain(firmware.secure_boot)]


def _disks(state: BootState) -> Any:
    devices = state.block_devices
    if isinstance(devices, (Absent, Unknown)):
        return to_plain(devices)
    by_name = {device.name: device for device in devices}
    return sorted(
        [d.kind, d.file_system, d.uuid, d.partition_uuid, d.serial if d.kind == "disk" else ""]
        for d in devices
        if d.kind not in {"loop", "rom"} and not _plugged_in(d, by_name) and (d.uuid or d.serial or d.partition_uuid)
    )


def _plugged_in(device: BlockDevice, by_name: dict[str, BlockDevice]) -> bool:
    """Removable, or a file behind a loop device, and not in use: somebody's stick or image. What is mounted belongs here."""
    bases = _bases(device, by_name)
    kin = [d for d in by_name.values() if bases & _bases(d, by_name)]
    return any(d.removable or d.kind == "loop" for d in kin) and not any(m for d in kin for m in d.mountpoints)


def _bases(device: BlockDevice, by_name: dict[str, BlockDevice]) -> set[str]:
    """Names of what it stands on at the very bottom; lsblk names only the next layer."""
    found: set[str] = set()
    waiting, seen = [device.name], {device.name}
    while waiting:
        name = waiting.pop()
        below = by_name[name].parents if name in by_name else ()
        if not below:
            found.add(name)
        fresh = set(below) - seen
        seen |= fresh
        waiting += fresh
    return found


def _fstab(state: BootState) -> Any:
    if isinstance(state.fstab, (Absent, Unknown)):
        return to_plain(state.fstab)
    return sorted([line.spec, line.target, line.file_system, *line.options] for line in state.fstab)


def _arguments(state: BootState) -> Any:
    if not isinstance(state.running_arguments, str):
        return to_plain(state.running_arguments)
    return [word for word in state.running_arguments.split() if not word.startswith(_FLEETING)]


def _kernels(state: BootState) -> Any:
    if isinstance(state.kernels, (Absent, Unknown)):
        return to_plain(state.kernels)
    rows = []
    for kernel in state.kernels:
        image = kernel.initramfs
        file = "" if isinstance(image, (Absent, Unknown)) else [image.file.path, to_plain(image.file.sha256)]
        rows.append([kernel.release, kernel.preserved, kernel.image.path, to_plain(kernel.image.sha256), file])
    return sorted(rows, key=json.dumps)


def _entries(state: BootState) -> Any:
    if isinstance(state.grub, (Absent, Unknown)):
        return to_plain(state.grub)
    return sorted([e.full_id, e.title, e.kernel_path, *e.initramfs_paths, e.arguments] for e in state.grub.entries)


def _packages(state: BootState) -> Any:
    if isinstance(state.packages, (Absent, Unknown)):
        return to_plain(state.packages)
    stems = (
        "grub",
        "shim",
        "linux-image",
        "initramfs-tools",
        *(("kernel", "dracut") if family_of(state) in RPM else ()),
    )
    return sorted([p.name, p.architecture, p.version] for p in state.packages if p.name.startswith(stems))


def _has_unknown(value: Any) -> bool:
    if isinstance(value, dict):
        return set(value) == {"unknown"} or any(_has_unknown(item) for item in value.values())
    return isinstance(value, (list, tuple)) and any(_has_unknown(item) for item in value)


def _digest(value: Any) -> str:
    return hashlib.sha256(
        json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    ).hexdigest()
