"""One file as the kernel shows it and as GRUB's own file system driver reads it from the block device.

``grub-fstest`` (package grub-common) is GRUB's code as a program: it opens the device read-only, mounts nothing and replays
no journal, just as at boot. Both sides are streamed through a digest, so that memory does not grow with the file.

What it does not exercise: GRUB's drivers for LVM, LUKS and RAID. The file system is read from the device that the kernel
has assembled.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import IO

from bootkeep.edges.mount_table import device_of, mount_of, mount_table
from bootkeep.edges.run import filtered
from bootkeep.facts.codec import to_json
from bootkeep.facts.loader_sight import LoaderSight

TOOL = "grub-fstest"
_CHUNK = 1 << 20
_TIMEOUT_S = 60.0
#: What grub-fstest says when it is its own start that failed, or a device that it was not given: nothing about the file.
_NOT_THE_FILE = ("command fails", "necessary member", "no such d", "disk `", "out of memory", "Permission denied")


def answer(root: Path, path: str) -> str:
    """JSON of a LoaderSight. ``FileNotFoundError`` when the running system has no such file."""
    here = Path(f"{root}/{path.lstrip('/')}")
    size = here.stat().st_size
    row = mount_of(here.parent, mount_table())
    if row is None:
        return _unknown(path, "the file system that it lies on is in no mount table")
    device = device_of(row)
    inside = os.path.join(os.path.realpath(here.parent), here.name)
    below = inside if row.target == "/" else inside.removeprefix(row.target)
    loader_path = (row.root.rstrip("/") + below) or "/"
    if not device:
        return _unknown(path, f"{row.file_system} on {row.source} is no block device that grub-fstest could open")
    with here.open("rb") as stream:
        digest, _count = _drain(stream)
    devices = [device, *(other for other in _members(row.file_system, device) if other != device)]
    try:
        with open(os.devnull, "rb") as nothing:
            argv = [TOOL, "-c", str(len(devices)), *devices, "cat", f"(loop0){loader_path}"]
            with filtered(argv, nothing, timeout_s=_TIMEOUT_S) as tool:
                seen, count = _drain(tool.output)
                said = tool.finish()
    except FileNotFoundError:
        return _unknown(path, f"{TOOL} is not installed (package grub-common)")
    except OSError as error:  # it was ended, or took too long
        return _unknown(path, f"{TOOL} could not look at {device}: {error}")
    complaint = said.replace("grub-fstest: error: ", "").strip().rstrip(".")
    if complaint and any(word in complaint for word in _NOT_THE_FILE):
        return _unknown(path, f"{TOOL} could not look at {device}: {complaint}")
    return to_json(
        LoaderSight(path, device, row.file_system, loader_path, size, digest, count, seen, complaint=complaint)
    )


def _members(file_system: str, device: str) -> list[str]:
    """The devices of a btrfs that has several: GRUB looks for them all."""
    if file_system != "btrfs":
        return []
    name = os.path.basename(os.path.realpath(device))
    for folder in Path("/sys/fs/btrfs").glob("*/devices"):
        names = sorted(entry.name for entry in folder.iterdir())
        if name in names and len(names) > 1:
            return [f"/dev/{each}" for each in names]
    return []


def _drain(stream: IO[bytes]) -> tuple[str, int]:
    digest, count = hashlib.sha256(), 0
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        count += len(chunk)
    return digest.hexdigest(), count


def _unknown(path: str, why: str) -> str:
    return to_json(LoaderSight(path, "", "", "", 0, "", 0, "", unknown=why))
