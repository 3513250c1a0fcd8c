"""The small files that decide how a host boots: kept before a fix, compared after it, put back when it is taken back."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from bootkeep.edges.files import private_folder, replace_file, sync_folder

#: Below the root, in the order in which they are put back: the menu last, because it is what the loader reads.
_WATCHED = (
    "etc/fstab",
    "etc/crypttab",
    "etc/default/grub",
    "etc/default/grub.d/*",
    "etc/initramfs-tools/*",
    "etc/initramfs-tools/conf.d/*",
    "boot/grub/custom.cfg",
    "boot/grub/bootkeep.cfg",
    "boot/grub/grubenv",
    "boot/grub/grub.cfg",
)
#: Changed by every boot and by health checks, not only by people.
MOVES_BY_ITSELF = frozenset({"/boot/grub/grubenv"})
_LIMIT_BYTES = 4 * 1024 * 1024


def digests(root: Path) -> dict[str, str]:
    """sha256 of every watched file, by its path on the host."""
    found = {}
    for path in _paths(root):
        with path.open("rb") as stream:
            found[f"/{path.relative_to(root)}"] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found


def keep(root: Path, folder: Path) -> dict[str, str]:
    """Copy every watched file below ``folder``; returns the digests."""
    for path in _paths(root):
        target = folder / path.relative_to(root)
        for parent in reversed(target.relative_to(folder).parents):
            private_folder(folder / parent)
        shutil.copy2(path, target)
    return digests(root)


def put_back(root: Path, folder: Path, before: dict[str, str]) -> tuple[str, ...]:
    """Bring the watched files to what they were; returns the paths that were changed, removed or brought back."""
    now = digests(root)
    changed = []
    order = {pattern: number for number, pattern in enumerate(_WATCHED)}
    for path in sorted(before.keys() | now.keys(), key=lambda each: (order.get(each[1:], -1), each)):
        if before.get(path) == now.get(path):
            continue
        target, kept = root / path[1:], folder / path[1:]
        if path not in before:
            target.unlink()
            sync_folder(target.parent)
        else:
            info = kept.stat()
            replace_file(target, kept.read_bytes(), mode=info.st_mode & 0o7777)
            os.utime(target, ns=(info.st_atime_ns, info.st_mtime_ns))
        changed.append(path)
    return tuple(changed)


def _paths(root: Path) -> list[Path]:
    paths = [path for pattern in _WATCHED for path in sorted(root.glob(pattern))]
    return [path for path in paths if path.is_file() and not path.is_symlink() and path.stat().st_size <= _LIMIT_BYTES]
