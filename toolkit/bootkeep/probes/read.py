"""The reads a probe may declare. Each is inert: it leaves no trace on the machine it looks at.

Every read has a ``key``, a stable text that names it in a snapshot (``file:/etc/fstab``). Parsers take the
:class:`~bootkeep.facts.reading.Readings` and look the answer up by the same read: ``readings[FSTAB.key]``.

Payloads, by kind (a Reading carries text only, so that every snapshot is plain JSON):

* :class:`File`     the file's text
* :class:`Listing`  JSON list of objects, sorted by path (see :class:`Listing`)
* :class:`Digest`   JSON object ``{path: sha256 hex}`` for every regular file that the pattern matches
* :class:`Space`    JSON object of ``statvfs``
* :class:`Command`  standard output; the exit code stands beside it
* :class:`Native`   JSON that the live host makes with psutil, /proc or a system call, for what no file or tool gives cheaply
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from bootkeep.facts.reading import Readings


@dataclass(frozen=True, slots=True)
class File:
    """A file's text. Longer files are read up to the limit and reported as FAILED, never silently cut."""

    path: str
    limit_bytes: int = 4 * 1024 * 1024

    @property
    def key(self) -> str:
        """Name of this read in a snapshot."""
        return f"file:{self.path}"


@dataclass(frozen=True, slots=True)
class Listing:
    """``lstat`` of everything that a glob pattern matches (``**`` allowed), files inside a directory by ``dir/*``.

    Each object: ``path, type (file|dir|link|block|char|fifo|socket), mode (octal text), uid, gid, size, mtime_ns, ino,
    dev, nlink`` and ``target`` for links. An existing directory without a match gives ``[]``; ABSENT means that the part
    of the pattern before its first wildcard does not exist.
    """

    pattern: str
    limit: int = 50_000

    @property
    def key(self) -> str:
        """Name of this read in a snapshot."""
        return f"listing:{self.pattern}"


@dataclass(frozen=True, slots=True)
class Digest:
    """sha256 of every regular file that a glob pattern matches (md5 only to compare with what dpkg recorded)."""

    pattern: str
    algorithm: str = "sha256"

    @property
    def key(self) -> str:
        """Name of this read in a snapshot."""
        name = "digest" if self.algorithm == "sha256" else f"digest-{self.algorithm}"
        return f"{name}:{self.pattern}"


@dataclass(frozen=True, slots=True)
class Space:
    """``statvfs``: JSON ``{"target", "size_bytes", "free_bytes", "inodes", "inodes_free"}``."""

    path: str

    @property
    def key(self) -> str:
        """Name of this read in a snapshot."""
        return f"space:{self.path}"


@dataclass(frozen=True, slots=True)
class Command:
    """A command that was checked to be inert, with the flags that make it so. No shell, stdin closed, LC_ALL=C."""

    argv: tuple[str, ...]
    timeout_s: float = 10.0
    reveals: bool = False  # asked as a follow-up, its answer calls for further ones: a third wave

    @property
    def key(self) -> str:
        """Name of this read in a snapshot."""
        return "command:" + " ".join(self.argv)


@dataclass(frozen=True, slots=True)
class Native:
    """Something the live host answers by itself: ``processes``, ``listeners``, ``initramfs:<path>``."""

    name: str

    @property
    def key(self) -> str:
        """Name of this read in a snapshot."""
        return f"native:{self.name}"


Read: TypeAlias = File | Listing | Digest | Space | Command | Native


def no_follow_ups(_readings: Readings) -> tuple[Read, ...]:
    """For probes whose reads do not depend on other answers."""
    return ()


@dataclass(frozen=True, slots=True)
class Probe:
    """One tool or file family: what to read, what to read next, and how to understand it."""

    name: str
    reads: tuple[Read, ...]
    understand: Callable[[Readings], Any]
    follow_ups: Callable[[Readings], tuple[Read, ...]] = (
        no_follow_ups  # second wave; a third only after a read that reveals
    )
    #: 1: in the package hook; 2: there too when time allows; 3: by the detached worker after the transaction.
    tier: int = 1
