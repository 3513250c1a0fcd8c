"""The package databases of this machine as files: whether one moved, whether a package manager is at work on it.

Nothing here opens a database: a look costs a few ``stat`` calls, so that it can be taken every minute.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bootkeep.edges import processes

#: Files that change whenever a package comes, goes or changes. dpkg replaces its status by rename; rpm writes into its
#: database in place: SQLite (rpm 4.16 and newer, with a write-ahead log), ndb (SUSE), or Berkeley DB (EL 8 and older).
#: Which folder: rpm's macro %_dbpath, /usr/lib/sysimage/rpm on Fedora and SUSE.
FILES = (
    "var/lib/dpkg/status",
    *(
        f"{folder}/{name}"
        for folder in ("usr/lib/sysimage/rpm", "var/lib/rpm")
        for name in ("rpmdb.sqlite", "rpmdb.sqlite-wal", "Packages.db", "Packages")
    ),
)
#: Locked (fcntl(2)) by a package manager while it is at work.
LOCKS = (
    "var/lib/dpkg/lock-frontend",
    "var/lib/dpkg/lock",
    "var/lib/rpm/.rpm.lock",
    "usr/lib/sysimage/rpm/.rpm.lock",
)
#: Holds the number of the process that is at work: zypper and PackageKit's zypp; dnf and yum.
PID_FILES = ("run/zypp.pid", "var/run/yum.pid", "var/lib/dnf/rpmdb_lock.pid", "var/cache/dnf/metadata_lock.pid")


def marks(root: Path = Path("/")) -> dict[str, str]:
    """Inode, size and time of every database file that is there. Equal marks: nothing happened."""
    return {f"/{name}": f"{info.st_ino} {info.st_size} {info.st_mtime_ns}" for name, info in _files(root)}


def written_at(root: Path = Path("/")) -> float:
    """When a database was last written, in seconds since the epoch; 0 where there is none."""
    return max((info.st_mtime_ns for _, info in _files(root)), default=0) / 1e9


def quiet_for_s(root: Path = Path("/"), *, now: float | None = None) -> float:
    """Seconds since a database was last written; endless where there is none, or where it claims to be of the future."""
    newest = written_at(root)
    age = (time.time() if now is None else now) - newest
    return age if age >= 0 and newest else float("inf")


def _files(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    for name in FILES:
        with suppress(OSError):
            info = os.stat(root / name)
            if info.st_size or not name.endswith("-wal"):  # an empty log comes and goes with every reader
                yield name, info


def at_work(root: Path = Path("/")) -> str:
    """The lock that says a package manager is at work now; empty when none is."""
    return next(_held(root), "")


def _held(root: Path) -> Iterator[str]:
    for name in LOCKS:
        if processes.locked(root / name):
            yield f"/{name}"
    for name in PID_FILES:
        with suppress(OSError, ValueError):
            pid = int((root / name).read_text(encoding="ascii").strip() or "0")
            if pid > 0 and processes.process(pid) is not None:
                yield f"/{name}"


def unpacked_since(root: Path, moment: float) -> frozenset[str]:
    """Packages (``name`` or ``name:architecture``) whose file list dpkg wrote anew after a moment (seconds since the epoch).

    dpkg writes a package's list whenever it unpacks it, also when the version stays the same.
    """
    found: set[str] = set()
    with suppress(OSError):
        for entry in os.scandir(root / "var/lib/dpkg/info"):
            if entry.name.endswith(".list"):
                with suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_mtime >= moment + 1:
                        found.add(entry.name.removesuffix(".list"))
    return frozenset(found)
