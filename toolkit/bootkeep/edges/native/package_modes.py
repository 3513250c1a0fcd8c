"""``package-modes:<package>,...``: special rights and open permissions among the files that a transaction's packages ship.

The look at program directories (special_files) sees the usual places in a few hundredths of a second; a package may put a SUID
program anywhere. Its own file list says where, so that nothing of this transaction is missed.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

from bootkeep.edges.native.rpm_files import files_of
from bootkeep.edges.native.rpm_packages import has_database

#: 20 000 files take about 0.1 s; a transaction with more is looked at by the detached worker's full walk.
_MOST_FILES = 60_000


def answer(root: Path, argument: str) -> str:
    """JSON list of objects like special_files', for SUID, SGID, capabilities, and files that anybody may write to."""
    wanted = set(argument.split(",")) - {""}
    paths = sorted(_listed(root / "var/lib/dpkg/info", wanted, rpm=has_database(root)) | _of_rpm(root, wanted))
    if len(paths) > _MOST_FILES:
        raise OSError(errno.E2BIG, f"{len(paths)} files in the transaction's packages")
    rows = [row for path in paths if path.startswith("/") and (row := _row(root, path)) is not None]
    return json.dumps(rows)


def _listed(info: Path, wanted: set[str], *, rpm: bool) -> set[str]:
    try:
        with os.scandir(info) as entries:
            names = [e.name for e in entries if e.name.endswith(".list") and e.name[:-5].partition(":")[0] in wanted]
    except FileNotFoundError:
        if rpm:
            return set()
        raise
    return {line for name in names for line in _lines(info / name)}


def _of_rpm(root: Path, wanted: set[str]) -> set[str]:
    return set(files_of(root, wanted)) if has_database(root) else set()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape").split("\n")
    except FileNotFoundError:
        return []


def _row(root: Path, path: str) -> dict[str, object] | None:
    full = os.fspath(root / path.lstrip("/"))
    try:
        info = os.lstat(full)
    except OSError:
        return None
    if stat.S_ISLNK(info.st_mode):
        return None
    capability = ""
    regular = stat.S_ISREG(info.st_mode)
    if regular and info.st_mode & 0o111:
        try:
            capability = os.getxattr(full, "security.capability", follow_symlinks=False).hex()
        except OSError:
            capability = ""
    special = regular and info.st_mode & (stat.S_ISUID | stat.S_ISGID)
    # A sticky directory that anybody may write to is /tmp's way; without the sticky bit anybody may replace what lies there.
    is_open = info.st_mode & 0o002 and not (stat.S_ISDIR(info.st_mode) and info.st_mode & stat.S_ISVTX)
    if not (special or capability or is_open):
        return None
    return {
        "path": os.path.realpath(os.path.dirname(path)) + "/" + os.path.basename(path) if root == Path("/") else path,
        "mode": stat.S_IMODE(info.st_mode),
        "uid": info.st_uid,
        "gid": info.st_gid,
        "capability": capability,
    }
