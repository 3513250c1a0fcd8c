"""sha256 of files, read once: a file that nobody touched since is not read again by the next hook.

A hook asks for the digests of the same kernels and preserved copies before and after every transaction, some hundred megabytes that
are no different from a minute ago. What was read is remembered under the file's identity (device, inode, size, both times), in
memory, and where :func:`remember_in` says so in a file below ``/run``: it ends with the boot, so after a power cut or a look from
another system everything is read anew.

An inode's change time cannot be set by a program, so whoever writes to the file changes its identity. Not remembered: what
changed within the last seconds (the next write could fall into the same tick, git's "racy" entries), and file systems with whole
seconds only (vfat).
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path

from bootkeep.edges import runtime_memory

_SETTLED_NS = 3_000_000_000
_SECOND_NS = 1_000_000_000
#: More than the kernels and copies of any host; a longer file is not ours.
_MOST = 512

_known: dict[str, list[object]] = {}
_NAME = "known-digests.json"


def remember_in(folder: Path) -> None:
    """From here on digests are remembered in this folder (0700, made when needed) across processes."""
    runtime_memory.remember_below(folder)
    _known.clear()
    _known.update(
        (name, entry)
        for name, entry in runtime_memory.recall(_NAME).items()
        if isinstance(entry, list) and len(entry) == 4 and isinstance(entry[3], str)
    )


def sha256_of(path: Path) -> str:
    """sha256 of a file's content, in hex. Raises OSError."""
    return remembered_of(path, "", lambda stream: hashlib.file_digest(stream, "sha256").hexdigest())


def remembered_of(path: Path, kind: str, make: Callable[[BufferedReader], str]) -> str:
    """What one function says of a file's content, asked once for each content. Raises OSError."""
    with path.open("rb") as stream:
        before = _identity(os.fstat(stream.fileno()))
        name = f"{before[0]} {kind}" if kind else before[0]
        found = _known.get(name)
        if found is not None and found[:3] == list(before[1:]):
            return str(found[3])
        said = make(stream)
        after = os.fstat(stream.fileno())
    if _identity(after) == before and is_settled(after):
        _remember(name, [*before[1:], said])
    return said


def _identity(info: os.stat_result) -> tuple[str, int, int, int]:
    return (f"{info.st_dev}:{info.st_ino}", info.st_size, info.st_mtime_ns, info.st_ctime_ns)


def is_settled(info: os.stat_result) -> bool:
    """Whether the file's last change is long enough ago that the next one will have another time."""
    newest = max(info.st_mtime_ns, info.st_ctime_ns)
    return time.time_ns() - newest > _SETTLED_NS and info.st_ctime_ns % _SECOND_NS != 0


def _remember(name: str, entry: list[object]) -> None:
    _known[name] = entry
    while len(_known) > _MOST:
        del _known[next(iter(_known))]
    runtime_memory.keep(_NAME, _known)
