"""Whole-or-absent writes, and locks between processes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path


def replace_file(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Put content at path so that a power cut leaves either the old file or the new one.

    Raises ``OSError`` with the draft removed: a full disk loses nothing that was there.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(draft, flags, mode), "wb") as stream:
            with contextlib.suppress(PermissionError):  # vfat (a /boot or an ESP) keeps no modes and may say so
                os.fchmod(stream.fileno(), mode)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Flush a directory, so that a rename in it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def private_folder(path: Path) -> Path:
    """Make a directory (and its parents) that only root may enter; an existing one is tightened."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def folder_for(path: Path) -> Path:
    """The folder of a file that an operator names: made for root alone when it is missing, left as it is when it is there.

    It may be ``/tmp``, or ``/``.
    """
    if not path.parent.is_dir():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path.parent


def make_private(path: Path) -> None:
    """Make an empty file that only its owner may read, when there is none; a link is refused. Raises OSError.

    The owner is whoever owns the folder: what root makes for a service that runs as a user of its own, that user has to write.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags | os.O_EXCL, 0o600)
    except FileExistsError:
        os.close(os.open(path, flags, 0o600))
        return
    try:
        os.fchmod(descriptor, 0o600)
        folder = path.parent.stat()
        if os.geteuid() == 0 and not folder.st_mode & 0o022:  # a folder of everybody's, as /tmp, says nothing
            os.fchown(descriptor, folder.st_uid, folder.st_gid)
    finally:
        os.close(descriptor)


def lock_within(descriptor: int, how: int, *, seconds: float) -> None:
    """Take the lock (``fcntl.LOCK_SH`` or ``LOCK_EX``) as soon as others let it go; raises BlockingIOError after so long.

    flock(2) goes with its descriptor, also after SIGKILL.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return
