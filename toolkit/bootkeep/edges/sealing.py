"""Sealed contents: a file with a secret in it can be put back, and the store still holds no secret that can be read.

AES-256-GCM (NIST SP 800-38D) with a key that HKDF-SHA256 (RFC 5869) derives from the host's own key; the file's path is
authenticated with it, so that a sealed content cannot be passed off as another file's. It protects a store that leaves the
host (a backup of one record, what a master is sent, a hand-over to support), not against root on the host itself.

The library is the one that Salt stands on. It is imported only when there is something to seal: a hook starts in
milliseconds and most transactions touch no file with a secret.
"""

from __future__ import annotations

import os

_MAGIC = b"BKSEAL1\n"
_NONCE_BYTES = 12  # what GCM is made for
_PURPOSE = b"bootkeep: sealed copies of configuration files"


class CannotOpen(Exception):
    """A sealed content that does not open; the message says why."""


def seal(key: bytes | None, path: str, content: bytes) -> bytes:
    """The content sealed for this path; empty where there is no key, or no library to seal with."""
    if key is None:
        return b""
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError:  # a Python that lost Salt's requirements: the copy is then only for reading
        return b""
    nonce = os.urandom(_NONCE_BYTES)
    return _MAGIC + nonce + AESGCM(_derived(key)).encrypt(nonce, content, path.encode("utf-8", "surrogateescape"))


def unseal(key: bytes | None, path: str, sealed: bytes) -> bytes:
    """The content that was sealed. Raises CannotOpen when it was altered, cut off, or sealed with another key."""
    if key is None:
        raise CannotOpen("the host's key (redaction.key) that it was sealed with is gone")
    try:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        raise CannotOpen("this Python has no 'cryptography' to open it with") from error
    body = sealed.removeprefix(_MAGIC)
    if body == sealed or len(body) < _NONCE_BYTES:
        raise CannotOpen("it is no sealed copy, or was cut off")
    nonce, rest = body[:_NONCE_BYTES], body[_NONCE_BYTES:]
    try:
        return AESGCM(_derived(key)).decrypt(nonce, rest, path.encode("utf-8", "surrogateescape"))
    except InvalidTag as error:
        raise CannotOpen("it was altered, or sealed with another host's key") from error


def _derived(key: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), 32, salt=None, info=_PURPOSE).derive(key)
