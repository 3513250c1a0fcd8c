"""PE images (kernels, boot loaders): whether they carry a signature, and their SBAT section.

Format: Microsoft's "PE Format": the header's address at 0x3c, ``PE\\0\\0``, a COFF header of 20 bytes, the optional header
with its data directories (the fifth is the certificate table), then the section table. SBAT: the shim project's SBAT.md.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import IO

_Binary = IO[bytes] | io.BufferedIOBase

#: Enough for the headers of every image; sections are read by their own address.
_HEAD_BYTES = 8192
_LONGEST_SBAT = 16 * 1024


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
