"""Hosts: a live machine, a mounted root, and a recorded snapshot answer the same reads."""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from bootkeep.edges.known_digests import sha256_of
from bootkeep.edges.native import LIVE_ONLY, native_answer
from bootkeep.edges.rooted import mountpoints_below
from bootkeep.edges.run import run
from bootkeep.edges.small_digests import known_small, remember_small
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.probes.read import Command, Digest, File, Listing, Native, Read, Space

_PIECE = 64 * 1024
#: Below this size reading a file costs no more than looking it up.
_LARGE = 1024 * 1024


class SupportsRead(Protocol):
    """Anything with ``read(n)``."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; empty at the end."""
        ...


class Host(Protocol):
    """Anything that can answer a read. One with a true ``may_hang`` is asked in children that can be given up."""

    name: str

    def answer(self, read: Read) -> Reading:
        """Answer one read; never raises for what the machine is or is not."""
        ...


class RecordedHost:
    """A saved snapshot: answers what was asked then, and nothing else."""

    def __init__(self, name: str, readings: Readings) -> None:
        self.name = name
        self._readings = readings

    def answer(self, read: Read) -> Reading:
        """The recorded answer, NOT_TAKEN when nobody asked then."""
        return self._readings[read.key]


class LiveHost:
    """This machine, or a root that is mounted somewhere (rescue shell, chroot, image).

    With a root other than ``/``, files come from below it, and commands run only when they describe devices rather than
    the running system: ``rooted_commands`` names those (``lsblk``, ``blkid``).
    """

    rooted_commands = frozenset({"lsblk", "blkid", "efibootmgr", "sfdisk"})
    may_hang = True

    def __init__(self, root: Path = Path("/"), *, name: str = "") -> None:
        self.root = root
        self.name = name or (os.uname().nodename if root == Path("/") else str(root))
        self._runs = root == Path("/")
        self._walked: dict[str, list[tuple[str, os.stat_result]]] | None = None
        self._answers: dict[type[Any], Callable[[Any], Reading]] = {
            File: self._file,
            Listing: self._listing,
            Digest: self._digest,
            Space: self._space,
            Command: self._command,
            Native: self._native,
        }

    @property
    def is_running_system(self) -> bool:
        """Whether processes, /proc and /sys belong to the root that is looked at."""
        return self._runs

    def answer(self, read: Read) -> Reading:
        """Answer one read; the machine's refusals become statuses."""
        started = time.monotonic()
        about = getattr(read, "path", "") or getattr(read, "pattern", "") or getattr(read, "name", "").partition(":")[2]
        if not self.is_running_system and about.startswith(("/proc/", "/sys/", "/run/")):
            return Reading(Status.NOT_TAKEN, detail="describes the running system, not the mounted root")
        try:
            reading = self._answers[type(read)](read)
        except (FileNotFoundError, NotADirectoryError) as error:
            reading = Reading(Status.ABSENT, detail=str(error))
        except PermissionError as error:
            reading = Reading(Status.DENIED, detail=str(error))
        except TimeoutError as error:
            reading = Reading(Status.TIMEOUT, detail=str(error))
        except OSError as error:
            reading = Reading(Status.FAILED, detail=f"{errno.errorcode.get(error.errno or 0, '?')}: {error}")
        return Reading(reading.status, reading.text, reading.exit_code, reading.detail, time.monotonic() - started)

    def look_once(self) -> None:
        """Walk each large folder once from here on: /etc is listed and digested in two ways."""
        self._walked = {}

    def _path(self, path: str) -> Path:
        return Path(self._prefix(path) + path) if path != "/" else self.root

    def _prefix(self, path: str) -> str:
        """What stands before a path. Devices are the machine's, not the mounted root's: as for lsblk, /dev is the live one."""
        return "" if self.is_running_system or f"{path}/".startswith("/dev/") else str(self.root).rstrip("/")

    def _file(self, read: File) -> Reading:
        path = self._path(read.path)
        if not stat.S_ISREG(path.stat().st_mode):
            return Reading(Status.FAILED, detail=f"{read.path} is not a regular file")
        with path.open("rb") as stream:
            content = read_limited(stream, read.limit_bytes + 1)
        if len(content) > read.limit_bytes:
            return Reading(Status.FAILED, detail=f"{read.path} is longer than {read.limit_bytes} bytes")
        return Reading(Status.OK, content.decode("utf-8", "surrogateescape"))

    def _matches(self, pattern: str) -> list[str]:
        """Paths, as the machine itself names them, that a pattern matches; sorted."""
        fixed = pattern
        while glob.has_magic(fixed):
            fixed = os.path.dirname(fixed)
        if fixed == pattern:
            self._path(pattern).lstat()
            return [pattern]
        self._path(fixed).stat()
        prefix = self._prefix(pattern)
        if pattern == f"{fixed.rstrip('/')}/**":
            return sorted(match[len(prefix) :] for match in _walk(prefix + fixed))
        # Hidden files count: /etc/skel/.bashrc is configuration too. glob() skips them unless asked.
        found = glob.iglob(glob.escape(prefix) + pattern, recursive=True, include_hidden=True)
        return sorted(match[len(prefix) :] for match in found)

    def _entries(self, pattern: str) -> list[tuple[str, os.stat_result]]:
        """What a pattern matches, with its facts; what goes away between the two (a live machine) is left out."""
        if self._walked is not None and pattern in self._walked:
            return self._walked[pattern]
        found: list[tuple[str, os.stat_result]] = []
        for match in self._matches(pattern):
            try:
                found.append((match, os.lstat(self._prefix(match) + match)))
            except FileNotFoundError:
                continue
        if self._walked is not None and pattern.endswith("/**"):
            self._walked[pattern] = found
        return found

    def _listing(self, read: Listing) -> Reading:
        rows: list[dict[str, object]] = []
        entries = self._entries(read.pattern)
        if len(entries) > read.limit:
            return Reading(Status.FAILED, detail=f"{len(entries)} matches, more than {read.limit}")
        for match, info in entries:
            row: dict[str, object] = {
                "path": match,
                "type": _file_type(info.st_mode),
                "mode": f"{stat.S_IMODE(info.st_mode):04o}",
                "uid": info.st_uid,
                "gid": info.st_gid,
                "size": info.st_size,
                "mtime_ns": info.st_mtime_ns,
                "ino": info.st_ino,
                "dev": info.st_dev,
                "nlink": info.st_nlink,
            }
            if stat.S_ISLNK(info.st_mode):
                try:
                    row["target"] = os.readlink(self._prefix(match) + match)
                except FileNotFoundError:  # as above
                    continue
            rows.append(row)
        return Reading(Status.OK, json.dumps(rows))

    def _digest(self, read: Digest) -> Reading:
        digests: dict[str, str] = {}
        for match, info in self._entries(read.pattern):
            if not stat.S_ISREG(info.st_mode):
                continue
            place = self._prefix(match) + match
            try:
                if read.algorithm == "sha256" and info.st_size >= _LARGE:
                    # A kernel that nobody touched since the last hook is not read again.
                    digests[match] = sha256_of(Path(place))
                else:
                    digests[match] = known_small(place, info, read.algorithm) or _small_digest(place, read.algorithm)
            except FileNotFoundError:
                continue
        return Reading(Status.OK, json.dumps(digests))

    def _space(self, read: Space) -> Reading:
        info = os.statvfs(self._path(read.path))
        return Reading(
            Status.OK,
            json.dumps(
                {
                    "target": read.path,
                    "size_bytes": info.f_blocks * info.f_frsize,
                    "free_bytes": info.f_bfree * info.f_frsize,
                    "inodes": info.f_files,
                    "inodes_free": info.f_ffree,
                }
            ),
        )

    def _command(self, read: Command) -> Reading:
        if not self.is_running_system and read.argv[0] not in self.rooted_commands:
            return Reading(Status.NOT_TAKEN, detail="describes the running system, not the mounted root")
        done = run(read.argv, timeout_s=read.timeout_s)
        if done.missing:
            return Reading(Status.ABSENT, detail=f"{read.argv[0]}: command not found", exit_code=127)
        if done.timed_out:
            return Reading(Status.TIMEOUT, done.stdout, done.exit_code, f"no end after {read.timeout_s} s")
        plain = read.argv[0] != "lsblk" or self.is_running_system
        text = done.stdout if plain else mountpoints_below(done.stdout, self.root)
        # A non-zero exit code is an answer too (``systemctl is-system-running``): the parser decides.
        return Reading(Status.OK, text, done.exit_code, done.stderr[-2000:])

    def _native(self, read: Native) -> Reading:
        name, _, argument = read.name.partition(":")
        if not self.is_running_system and name in LIVE_ONLY:
            return Reading(Status.NOT_TAKEN, detail="describes the running system, not the mounted root")
        return Reading(Status.OK, native_answer(name)(self.root, argument))


def read_limited(stream: SupportsRead, limit: int) -> bytes:
    """At most ``limit`` bytes, asked for in small pieces.

    Files below /proc/sys answer ENOMEM to a read of 4 MiB or more (fs/proc/proc_sysctl.c since Linux 5.9), however short they are.
    """
    pieces: list[bytes] = []
    left = limit
    while left and (piece := stream.read(min(left, _PIECE))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _small_digest(place: str, algorithm: str) -> str:
    """The digest of a file as it is now. MD5 is dpkg's own mark of an unedited file here, not a protection."""
    with open(place, "rb", buffering=0) as stream:
        before = os.fstat(stream.fileno())
        digest = (
            hashlib.new(algorithm, stream.read(), usedforsecurity=False).hexdigest()
            if before.st_size < _LARGE
            else (hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest())
        )
        after = os.fstat(stream.fileno())
    remember_small(place, before, after, algorithm, digest)
    return digest


#: The insides of version control.
_HISTORIES = frozenset({".git", ".hg", ".bzr", "_darcs"})


def _walk(folder: str) -> list[str]:
    """Everything below a folder. Unlike glob's ``**`` it enters no symbolic link: one to ``/`` would list the machine.

    The insides of version control (etckeeper keeps /etc in git) are a history of files, not files in force.
    """
    found: list[str] = []
    places = [folder]
    while places:
        try:
            entries = list(os.scandir(places.pop()))
        except (FileNotFoundError, PermissionError):  # went away; a folder that may not be read is itself in the list
            continue
        for entry in entries:
            if entry.name in _HISTORIES:
                continue
            found.append(entry.path)
            # os.walk() asks what a link leads to: one to a dead mount would cost all of /etc.
            if entry.is_dir(follow_symlinks=False):
                places.append(entry.path)
    return found


_TYPES = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "link",
    stat.S_IFBLK: "block",
    stat.S_IFCHR: "char",
    stat.S_IFIFO: "fifo",
}


def _file_type(mode: int) -> str:
    return _TYPES.get(stat.S_IFMT(mode), "socket")
