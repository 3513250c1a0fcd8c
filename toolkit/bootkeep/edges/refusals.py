"""What a disk or a damaged file refuses, as errors that say what happened, where, and what to do next."""

from __future__ import annotations

import contextlib
import errno
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from bootkeep.facts.errors import NotUnderstood, StoreError


def damaged(path: Path, why: str) -> StoreError:
    """The error for a file of the store that is not what it must be."""
    return StoreError(
        f"a file of the store is damaged: {why}",
        where=str(path),
        next_step="The other transactions are not affected; move this one away, or let it age out.",
    )


_NEXT_STEPS = {
    errno.ENOSPC: "Free some space on the file system that holds it, then run it again.",
    errno.EDQUOT: "Free some space on the file system that holds it, then run it again.",
    errno.EROFS: "The file system is mounted read-only: look into 'dmesg' for why, then 'mount -o remount,rw' it.",
    errno.EACCES: "Only root may use the store: run it as root.",
    errno.EPERM: "Only root may use the store: run it as root.",
    errno.EIO: "The disk reports errors: look into 'dmesg' before anything else.",
    errno.EAGAIN: "Another bootkeep holds the store's lock: wait a moment and run it again.",
}


@contextlib.contextmanager
def refusals(where: Path, doing: str) -> Iterator[None]:
    """Turn what the disk refuses into a StoreError that says what to do about it."""
    try:
        yield
    except gzip.BadGzipFile as error:  # an OSError by inheritance, damage by meaning
        raise damaged(where, str(error)) from error
    except OSError as error:
        raise StoreError(
            f"cannot {doing}: {error.strerror or error}",
            where=str(error.filename or where),
            next_step=_NEXT_STEPS.get(error.errno or 0, "Look at the file system that holds it."),
        ) from error


@contextlib.contextmanager
def damage(path: Path) -> Iterator[None]:
    """Turn what a parser or a decompressor says about a file into a StoreError that names the file."""
    try:
        yield
    except (NotUnderstood, ValueError, EOFError, zlib.error, TypeError, gzip.BadGzipFile) as error:
        raise damaged(path, str(error)) from error
