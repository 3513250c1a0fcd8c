"""What one look tells the next one, in a folder below ``/run``: it ends with the boot.

Only hooks and their workers remember anything (:func:`bootkeep.edges.known_digests.remember_in`); the folder must be the caller's
own and nobody else's (0700). A memory that cannot be read, or is no such thing, is empty: the next look costs its full time.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from bootkeep.edges.files import private_folder, replace_file

_folder: list[Path] = []
#: What each kind of memory does when the folder changes: it drops what it holds, and begins with what is written there.
_begin_anew: list[Callable[[], None]] = []


def remember_below(folder: Path) -> None:
    """From here on memories lie in this folder."""
    _folder[:] = [folder]
    for begin in _begin_anew:
        begin()


def forget() -> None:
    """From here on nothing is remembered."""
    _folder.clear()
    for begin in _begin_anew:
        begin()


def when_it_changes(begin: Callable[[], None]) -> None:
    """Have a kind of memory begin anew whenever the folder changes."""
    _begin_anew.append(begin)


def remembering() -> Path | None:
    """The folder; None where nothing is remembered."""
    return _folder[0] if _folder else None


def recall(name: str) -> dict[str, object]:
    """A memory by its file's name; empty where there is none, or somebody else could have written it."""
    folder = remembering()
    if folder is not None:
        with contextlib.suppress(OSError, ValueError):
            info = folder.stat()
            if info.st_mode & 0o077 == 0 and info.st_uid == os.geteuid():
                found = json.loads((folder / name).read_bytes())
                return found if isinstance(found, dict) else {}
    return {}


def keep(name: str, memory: object) -> None:
    """Write a memory, whole or not at all. A full /run costs the next look its time, nothing else."""
    folder = remembering()
    if folder is not None:
        with contextlib.suppress(OSError):
            private_folder(folder)
            replace_file(folder / name, json.dumps(memory).encode("ascii"))
