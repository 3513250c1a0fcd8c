"""Signatures with a Salt key pair: what a minion says is believed only when its own key has signed it.

Salt's event bus is no witness: any accepted minion may put any event on the master's bus, with any name in it (the ``pretag`` of
a ``_minion_event``), and it sees the ids of other minions' jobs. So announcements and answers carry a signature of their own,
RSA PKCS#1 v1.5 with SHA-256 (RFC 8017), over the exact text that was sent, its purpose and the minion's id.

The library is the one that Salt stands on, imported when there is something to sign.
"""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

#: What a signature is for: one can never stand in for another.
ANNOUNCEMENT, STATUS, ANSWER = "announcement", "status", "answer"


class Unsigned(Exception):
    """A text whose signature is missing or wrong; the message says why."""


def sign(private_key: Path, purpose: str, host: str, text: str) -> str:
    """The signature, Base64. Raises OSError or ValueError when the key cannot be read."""
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    # Salt made the key and uses it all day; to prove anew that it is a sound one takes 50 times as long as to sign.
    key = load_pem_private_key(private_key.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError(f"{private_key} is no RSA key")
    signature = key.sign(_message(purpose, host, text), padding.PKCS1v15(), SHA256())
    return base64.b64encode(signature).decode("ascii")


def verify(public_key: bytes, purpose: str, host: str, text: str, signature: str) -> None:
    """Pass when the key's owner has signed exactly this. Raises Unsigned."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        key = _public(public_key)
        if not isinstance(key, rsa.RSAPublicKey):
            raise Unsigned("the key on record is no RSA key")
        key.verify(
            base64.b64decode(signature, validate=True), _message(purpose, host, text), padding.PKCS1v15(), SHA256()
        )
    except InvalidSignature as error:
        raise Unsigned("the signature is not of this host's key") from error
    except (ValueError, TypeError, binascii.Error) as error:
        raise Unsigned(f"the signature or the key cannot be read: {error}") from error


@lru_cache(maxsize=4096)
def _public(pem: bytes) -> PublicKeyTypes:
    """A host speaks many times with one key."""
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    return load_pem_public_key(pem)


def _message(purpose: str, host: str, text: str) -> bytes:
    return f"bootkeep {purpose} 1\n{host}\n{text}".encode("utf-8", "surrogateescape")
