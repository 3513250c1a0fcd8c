"""``special-files``: SUID and SGID files and files with capabilities, in the places where packages put programs.

A full ``find / -xdev -perm /6000`` reads 144 000 inodes in 6 s on a small host: far beyond what a package hook may
take. Programs that others start live in the bin directories and, as helpers, a few levels below lib and libexec (Debian Policy 9.1,
FHS 4.7): those are looked at here, some thousand inodes in a few hundredths of a second. /opt is read four levels deep. What a
package hides elsewhere is seen by the file list of the packages in the transaction, and by a nightly full scan, not here.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

#: Directory -> how many levels below it are looked at.
PLACES = {
    "/usr/bin": 1,
    "/usr/sbin": 1,
    "/bin": 1,
    "/sbin": 1,
    "/usr/local/bin": 1,
    "/usr/local/sbin": 1,
    "/usr/games": 1,
    "/usr/lib": 3,
    "/usr/lib32": 2,
    "/usr/lib64": 2,
    "/lib": 2,
    "/usr/libexec": 3,
    "/usr/local/lib": 3,
    "/opt": 4,
}
#: Below lib: hundreds of thousands of data files that are never programs.
_NEVER = frozenset(
    {"modules", "firmware", "locale", "python3", "gcc", "debug", "jvm", "girepository-1.0", "node_modules"}
)


def answer(root: Path, _argument: str) -> str:
    """JSON list of special files, by path as the machine names it."""
    rows: dict[str, dict[str, object]] = {}
    looked_at = 0
    for place, depth in PLACES.items():
        folder = root / place.lstrip("/")
        if folder.is_symlink() or not folder.is_dir():  # merged /usr: /bin is /usr/bin
            continue
        looked_at += 1
        for entry in _files(str(folder), depth):
            row = _special(entry)
            if row is not None:
                path = entry.path if root == Path("/") else "/" + os.path.relpath(entry.path, root)
                rows[path] = {"path": path, **row}
    if not looked_at:
        raise FileNotFoundError(f"no program directory below {root}")
    return json.dumps([rows[path] for path in sorted(rows)])


def _files(folder: str, depth: int) -> Iterator[os.DirEntry[str]]:
    places = [(folder, depth)]
    while places:
        place, levels = places.pop()
        try:
            with os.scandir(place) as entries:
                found = list(entries)
        except (FileNotFoundError, PermissionError):
            continue
        for entry in found:
            if entry.is_file(follow_symlinks=False):
                yield entry
            elif levels > 1 and entry.is_dir(follow_symlinks=False) and entry.name not in _NEVER:
                places.append((entry.path, levels - 1))


def _special(entry: os.DirEntry[str]) -> dict[str, object] | None:
    try:
        info = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    capability = ""
    if info.st_mode & 0o111:
        try:
            # Nearly none has one. Asking for the names costs half of asking for an attribute that is not there.
            if "security.capability" in os.listxattr(entry.path, follow_symlinks=False):
                capability = os.getxattr(entry.path, "security.capability", follow_symlinks=False).hex()
        except OSError:  # went away, or ENOTSUP on file systems without attributes
            capability = ""
    if not info.st_mode & (stat.S_ISUID | stat.S_ISGID) and not capability:
        return None
    return {"mode": stat.S_IMODE(info.st_mode), "uid": info.st_uid, "gid": info.st_gid, "capability": capability}
