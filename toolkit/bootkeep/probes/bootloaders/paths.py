"""From a loader's path to the running system's.

GRUB names files from the root of the *file system* that holds them: ``/vmlinuz-x`` where /boot is a file system of its own,
``/@/boot/vmlinuz-x`` on a btrfs subvolume, ``/boot/vmlinuz-x`` elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Locator:
    """Translates paths; called as ``locator(path, search_uuid)``."""

    mountpoint: str = "/"  # where the file system that holds /boot is mounted
    subvolume: str = "/"  # which directory of it is mounted there
    uuids: frozenset[str] = frozenset()  # of that file system; empty when unknown

    def __call__(self, path: str, search_uuid: str) -> str:
        """Absolute path on the running system; ``(uuid)/path`` when the entry belongs to another file system."""
        if path.startswith("("):  # (hd0,msdos1)/vmlinuz: the device is the firmware's, the path is what counts
            path = path.partition(")")[2]
        if search_uuid and self.uuids and search_uuid.lower() not in {uuid.lower() for uuid in self.uuids}:
            return f"({search_uuid}){path}"
        prefix = self.subvolume.rstrip("/")
        if prefix and path.startswith(f"{prefix}/"):
            path = path[len(prefix) :]
        return self.mountpoint.rstrip("/") + path
