"""Bring what /boot's file system shows onto its device, before a boot loader reads that device by itself.

``sync`` is not enough for a journal: XFS then has the change in its log only, which no boot loader replays (seen with
grub-fstest on XFS). So where /boot is a file system of its own it is frozen and thawed. Never frozen:

* the root file system, and one that is mounted elsewhere too: whoever has to thaw it might itself have to write there, or
  be paged in from it, and every service on the host would stand still;
* btrfs: it has no journal to replay in place (``sync`` commits a whole new tree), so nothing is won, and freezing it has
  hung machines;
* what the kernel does not freeze (vfat), and what is mounted read-only.

Nothing else is dropped or dirtied; only the device's own buffers are let go of (BLKFLSBUF), so that reading the device
means reading the device.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
from pathlib import Path

from bootkeep.edges.mount_table import MountRow, device_of, mount_of, mount_table
from bootkeep.edges.run import run
from bootkeep.facts.loader_sight import Flushed

BLKFLSBUF = 0x1261  # linux/fs.h; blockdev --flushbufs
_FREEZABLE = frozenset({"ext2", "ext3", "ext4", "xfs", "f2fs", "jfs"})


def flush(root: Path, *, timeout_s: float = 30.0) -> tuple[Flushed, ...]:
    """Flush the file system that holds /boot below ``root``; says what was done. Never raises for what is refused."""
    boot = root / "boot"
    rows = mount_table()
    row = mount_of(boot, rows)
    if row is None:
        return ()
    sync = run(["sync", "-f", str(boot), str(root)], timeout_s=timeout_s)
    note = why_not_frozen(row, boot, rows)
    if not note:
        done = run([sys.executable, "-I", "-m", "bootkeep.edges.freeze", row.target], timeout_s=timeout_s)
        if done.timed_out:
            note = f"freezing it took longer than {timeout_s:g} seconds"
        elif done.exit_code != 0:
            note = f"the kernel refused to freeze it: {done.stderr.strip().splitlines()[-1:] or [done.exit_code]}"
    if sync.exit_code != 0:
        said = "it hangs" if sync.timed_out else sync.stderr.strip()
        note = f"{note + '; ' if note else ''}sync did not end well: {said}"
    _let_go(device_of(row))
    return (Flushed(row.target, row.file_system, not note, note),)


def why_not_frozen(row: MountRow, boot: Path, rows: tuple[MountRow, ...]) -> str:
    """Why the file system that holds /boot must not be frozen, a sentence; empty when it may be."""
    if row.target != os.path.realpath(boot):
        return "/boot is no file system of its own; the root file system is never frozen"
    for other in rows:
        if other.number == row.number and other.target != row.target:
            return f"it is also mounted at {other.target}"
    if row.file_system not in _FREEZABLE:
        return f"{row.file_system} is not frozen: sync is all that can be done for it"
    if row.read_only:
        return "it is mounted read-only"
    return ""


def _let_go(device: str) -> None:
    if not device:
        return
    with contextlib.suppress(OSError):  # no right to: the read-back says so itself
        descriptor = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.ioctl(descriptor, BLKFLSBUF)
        finally:
            os.close(descriptor)
