"""The host's own key for pseudonyms: made once, readable by root only, never part of a report or a digest."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
from pathlib import Path

from bootkeep.edges.files import private_folder
from bootkeep.facts.redaction import Mask, keyed_mask, plain_mask

#: Below the store.
NAME = "redaction.key"
_LENGTH = 32


def make_key(store_root: Path) -> bytes | None:
    """The key of a store, made on first use; None where it can be neither read nor written (a read-only /var)."""
    known = read_key(store_root)
    if known is not None:
        return known
    draft = store_root / f".{NAME}.{os.getpid()}.draft"
    try:
        private_folder(store_root)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as stream:
            stream.write(os.urandom(_LENGTH))
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):  # of two makers the first one's key counts
            os.link(draft, store_root / NAME)
    except OSError:
        pass
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    return read_key(store_root)


def read_key(store_root: Path) -> bytes | None:
    """The key, None when there is none. A key that somebody else could have put there or read is not used."""
    try:
        descriptor = os.open(store_root / NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with open(descriptor, "rb") as stream:
        info = os.fstat(descriptor)
        key = stream.read(_LENGTH + 1)
    sound = len(key) == _LENGTH and info.st_mode & 0o077 == 0 and info.st_uid == os.geteuid()
    return key if sound else None


def store_mask(store_root: Path) -> Mask:
    """How secrets are hidden before they enter this store: under pseudonyms, or without a trace when there is no key."""
    key = make_key(store_root)
    return keyed_mask(key) if key else plain_mask


def host_mask(root: Path = Path("/")) -> Mask:
    """How secrets are hidden on the host at ``root``. Makes no key: looking at a machine changes nothing on it."""
    key = read_key(root / "var/lib/bootkeep")
    return keyed_mask(key) if key else plain_mask


def fingerprint(key: bytes | None, content: bytes) -> str:
    """A digest of a content that tells nothing about it without the key; empty when there is no key."""
    return hmac.new(key, content, hashlib.sha256).hexdigest() if key else ""
