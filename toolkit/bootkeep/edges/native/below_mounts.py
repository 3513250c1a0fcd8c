"""Files that lie in a directory on which something is mounted: written while the mount was missing, and hidden since.

``open_tree(2)`` makes a detached copy of one mount (Linux 5.2): it has no place in any mount table, nobody else sees it, and
it is gone when the descriptor is closed. Nothing of the machine changes.
"""

from __future__ import annotations

import ctypes
import json
import os
from pathlib import Path

_SYS_OPEN_TREE = 428  # the same number on every architecture
_AT_FDCWD = -100
_CLONE = 1  # OPEN_TREE_CLONE; without AT_RECURSIVE: this mount alone
_CLOEXEC = os.O_CLOEXEC
_TARGETS = ("/boot", "/boot/efi", "/efi")
_MOST_NAMES = 500


def answer(_root: Path, _argument: str) -> str:
    """JSON ``{mount point: [names below it]}`` for those of /boot, /boot/efi and /efi that are mount points.

    Raises ``OSError`` where the system call is refused or unknown.
    """
    found: dict[str, list[str]] = {}
    for target in _TARGETS:
        if os.path.ismount(target):
            found[target] = _below(target)
    return json.dumps(found)


def _below(target: str) -> list[str]:
    parent = os.path.dirname(target)
    while parent != "/" and not os.path.ismount(parent):
        parent = os.path.dirname(parent)
    library = ctypes.CDLL(None, use_errno=True)
    descriptor = library.syscall(_SYS_OPEN_TREE, _AT_FDCWD, os.fsencode(parent), _CLONE | _CLOEXEC)
    if descriptor < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"open_tree: {os.strerror(number)}", parent)
    try:
        inside = os.path.relpath(target, parent)
        folder = os.open(inside, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=descriptor)
        try:
            names = sorted(os.listdir(folder))
            # An empty folder named lost+found or efi is a mount point of its own, not a file that was left.
            return [name for name in names if not _is_empty_folder(folder, name)][:_MOST_NAMES]
        finally:
            os.close(folder)
    finally:
        os.close(descriptor)


def _is_empty_folder(folder: int, name: str) -> bool:
    try:
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=folder)
    except OSError:
        return False
    try:
        return not os.listdir(inner)
    finally:
        os.close(inner)
