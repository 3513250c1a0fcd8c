"""PE images (kernels, boot loaders): whether they carry a signature, and their SBAT section.

Format: Microsoft's "PE Format": the header's address at 0x3c, ``PE\\0\\0``, a COFF header of 20 bytes, the optional header
with its data directories (the fifth is the certificate table), then the section table. SBAT: the shim project's SBAT.md.
"""

from __future__ import annotations

import hashlib
import io
import struct
from dataclasses import dataclass
from typing import IO, Protocol

_Binary = IO[bytes] | io.BufferedIOBase

#: Enough for the headers of every image; sections are read by their own address.
_HEAD_BYTES = 8192
_LONGEST_SBAT = 16 * 1024
_LONGEST_SIGNATURE = 256 * 1024
_CHUNK = 1024 * 1024
#: The object identifier of SHA-256 (2.16.840.1.101.3.4.2.1), as a signature names it.
_SHA256 = bytes.fromhex("0609608648016503040201")


class _Hash(Protocol):
    """What hashlib's objects are used for here."""

    def update(self, data: bytes, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Pe:
    """What one image's headers say."""

    signed: bool
    sbat: str  # text of .sbat; empty when it has none


def read_pe(stream: _Binary) -> Pe | None:
    """The headers of a PE image; None when the file is none."""
    stream.seek(0)
    head = stream.read(_HEAD_BYTES)
    try:
        return _read(head, stream)
    except (struct.error, IndexError):
        return None


def is_as_signed(stream: _Binary) -> bool | None:
    """Whether a signed image is, byte for byte, what was signed; None for an unsigned one and where another digest was signed.

    The signature holds the Authenticode digest: SHA-256 of the file but for the header's checksum, the address of the certificate
    table, and that table itself, which lies last ("Windows Authenticode Portable Executable Signature Format"). Nothing is said
    about who signed it.
    """
    stream.seek(0)
    head = stream.read(_HEAD_BYTES)
    try:
        start, directories = _places(head)
        address, length = struct.unpack_from("<II", head, directories + 4 * 8)
    except (struct.error, IndexError, ValueError):
        return None
    size = stream.seek(0, io.SEEK_END)
    if length <= 8 or not directories + 40 <= address <= size:
        return None
    checksum, table = start + 24 + 64, directories + 4 * 8
    digest = hashlib.sha256()
    for begin, end in ((0, checksum), (checksum + 4, table), (table + 8, address)):
        _feed(digest, stream, begin, end)
    stream.seek(address)
    signature = stream.read(min(length, _LONGEST_SIGNATURE))
    return digest.digest() in signature if _SHA256 in signature else None


def _feed(digest: _Hash, stream: _Binary, begin: int, end: int) -> None:
    stream.seek(begin)
    while begin < end and (piece := stream.read(min(end - begin, _CHUNK))):
        digest.update(piece)
        begin += len(piece)


def _places(head: bytes) -> tuple[int, int]:
    """Where the PE header and the data directories begin. Raises ValueError for what is no PE image."""
    (start,) = struct.unpack_from("<I", head, 0x3C)
    if head[:2] != b"MZ" or head[start : start + 4] != b"PE\0\0":
        raise ValueError("no PE image")
    (magic,) = struct.unpack_from("<H", head, start + 24)
    if magic not in (0x10B, 0x20B):
        raise ValueError("no PE image that is known")
    directories = start + 24 + (112 if magic == 0x20B else 96)
    if struct.unpack_from("<I", head, directories - 4)[0] <= 4:
        raise ValueError("no certificate table")
    return start, directories


def _read(head: bytes, stream: _Binary) -> Pe | None:
    if head[:2] != b"MZ":
        return None
    (start,) = struct.unpack_from("<I", head, 0x3C)
    if head[start : start + 4] != b"PE\0\0":
        return None
    sections, optional = struct.unpack_from("<H", head, start + 6)[0], struct.unpack_from("<H", head, start + 20)[0]
    (magic,) = struct.unpack_from("<H", head, start + 24)
    if magic not in (0x10B, 0x20B):
        return None
    directories = start + 24 + (112 if magic == 0x20B else 96)
    (count,) = struct.unpack_from("<I", head, directories - 4)
    signed = False
    if count > 4:
        address, size = struct.unpack_from("<II", head, directories + 4 * 8)
        signed = address > 0 and size > 8
    return Pe(signed, _sbat(head, start + 24 + optional, sections, stream))


def _sbat(head: bytes, table: int, sections: int, stream: _Binary) -> str:
    for number in range(sections):
        name, size, _virtual, raw, address = struct.unpack_from("<8sIIII", head, table + 40 * number)
        if name.rstrip(b"\0") == b".sbat":
            stream.seek(address)
            return stream.read(min(size, raw, _LONGEST_SBAT)).rstrip(b"\0").decode("utf-8", "replace")
    return ""
