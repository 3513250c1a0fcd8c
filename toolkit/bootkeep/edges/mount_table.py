"""/proc/self/mountinfo (proc_pid_mountinfo(5)) for the few edges that must know what lies where."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class MountRow:
    """One mount."""

    number: str  # st_dev as major:minor; one file system has one number wherever it is mounted
    root: str  # directory of the file system that is mounted: a btrfs subvolume, a bind mount
    target: str
    file_system: str
    source: str
    read_only: bool  # the file system itself, not only this mount


def mount_table() -> tuple[MountRow, ...]:
    """All mounts of this process's namespace, in order; a later one on the same target hides the earlier."""
    rows = []
    for line in Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines():
        left, separator, right = line.partition(" - ")
        words, more = left.split(" "), right.split(" ")
        if separator and len(words) >= 6 and len(more) >= 2:
            options = more[2].split(",") if len(more) > 2 else []
            rows.append(
                MountRow(words[2], _plain(words[3]), _plain(words[4]), more[0], _plain(more[1]), "ro" in options)
            )
    return tuple(rows)


def mount_of(path: Path, rows: Sequence[MountRow]) -> MountRow | None:
    """The mount that a path lies on: the longest target above it, the last of its equals."""
    real = os.path.realpath(path)
    best: MountRow | None = None
    for row in rows:
        inside = row.target == "/" or real == row.target or real.startswith(row.target + "/")
        if inside and (best is None or len(row.target) >= len(best.target)):
            best = row
    return best


def device_of(row: MountRow) -> str:
    """The block device node of a mount; empty when there is none (nfs, zfs, tmpfs, overlay)."""
    # The number first: an old kernel or an initramfs leaves "/dev/root" as the source.
    uevent = Path(f"/sys/dev/block/{row.number}/uevent")
    names = [row.source]
    if uevent.is_file():
        lines = uevent.read_text("utf-8", "replace").splitlines()
        names = [f"/dev/{line.removeprefix('DEVNAME=')}" for line in lines if line.startswith("DEVNAME=")] + names
    return next((name for name in names if name.startswith("/dev/") and Path(name).is_block_device()), "")


def _plain(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
