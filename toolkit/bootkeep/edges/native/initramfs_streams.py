"""Where one compressed stream of an initramfs ends, so that what follows it is read as the kernel reads it.

The kernel unpacks one stream, then looks at the very next byte (init/initramfs.c, ``unpack_to_rootfs``). Tools such as zstd(1)
read on to the end of the file instead, and call what follows garbage. The ends of zstd and lz4 streams are found in their block
headers, without unpacking: RFC 8878, 3.1.1, and the kernel's lib/decompress_unlz4.c.
"""

from __future__ import annotations

import bz2
import errno
import io
import lzma
import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

_CHUNK = 1 << 18
_ZSTD_MAGIC, _LZ4_MAGIC = b"\x28\xb5\x2f\xfd", b"\x02\x21\x4c\x18"
_DICTIONARY_BYTES, _CONTENT_SIZE_BYTES = (0, 1, 2, 4), (0, 2, 4, 8)
#: An RLE block holds one byte, whatever its size field says.
_RLE = 1

_DECODERS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(31),  # 31: one gzip member, its checksum and length verified
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ),
    "lzma": lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE),
}


class Unpacked(io.RawIOBase):
    """One compressed stream, unpacked while it is read. After the last byte :attr:`end` is where the stream ended in the file.

    Raises ``EOFError`` where the file ends first, and the decoder's own errors.
    """

    def __init__(self, descriptor: int, position: int, compression: str) -> None:
        super().__init__()
        self._descriptor, self._position = descriptor, position
        self._decoder = _DECODERS[compression]()
        self.end = position

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """At least one byte, until the stream ends."""
        while not self._decoder.eof:
            given, at_end = self._input()
            found: bytes = self._decoder.decompress(given, len(buffer))
            if found:
                buffer[: len(found)] = found
                return len(found)
            if at_end and not self._decoder.eof:
                raise EOFError("Compressed file ended before the end-of-stream marker was reached")
        self.end = self._position - len(self._decoder.unused_data)
        return 0

    def _input(self) -> tuple[bytes, bool]:
        """What the decoder is given next, and whether the file has ended."""
        held: bytes = getattr(self._decoder, "unconsumed_tail", b"")
        if held or not getattr(self._decoder, "needs_input", True):
            return held, False
        piece = os.pread(self._descriptor, _CHUNK, self._position)
        self._position += len(piece)
        return piece, not piece


class Plain(io.RawIOBase):
    """A file from a position on, without touching the offset that a child process may share."""

    def __init__(self, descriptor: int, position: int) -> None:
        super().__init__()
        self._descriptor, self._position = descriptor, position

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes; 0 at the end of the file."""
        count = os.preadv(self._descriptor, [buffer], self._position)
        self._position += count
        return count


def after_zeros(descriptor: int, position: int, size: int) -> int:
    """The first byte at or after a position that is not zero. Holes of a sparse file are zeros, may be huge, and are not read."""
    while position < size:
        block = os.pread(descriptor, _CHUNK, position)
        rest = block.lstrip(b"\0")
        if rest or not block:
            return position + len(block) - len(rest)
        position = _after_hole(descriptor, position + len(block))
    return size


def _after_hole(descriptor: int, position: int) -> int:
    try:
        return os.lseek(descriptor, position, os.SEEK_DATA)
    except OSError as error:
        if error.errno != errno.ENXIO:  # a file system that knows no holes
            return position
        return os.lseek(descriptor, 0, os.SEEK_END)  # nothing but a hole up to the end


def end_of(compression: str, descriptor: int, position: int, size: int) -> int | None:
    """Where the stream that begins at a position ends; ``None`` where it does not end within the file."""
    return {"zstd": _end_of_zstd, "lz4": _end_of_lz4}[compression](descriptor, position, size)


def _end_of_zstd(descriptor: int, position: int, size: int) -> int | None:
    head = os.pread(descriptor, 5, position)
    if len(head) < 5 or head[:4] != _ZSTD_MAGIC:
        return None
    flags = head[4]
    one_segment = flags >> 5 & 1
    content_size = _CONTENT_SIZE_BYTES[flags >> 6] or one_segment
    position += 5 + (1 - one_segment) + _DICTIONARY_BYTES[flags & 3] + content_size
    last = 0
    while not last:
        raw = os.pread(descriptor, 3, position)
        if len(raw) < 3:
            return None
        header = int.from_bytes(raw, "little")
        last, kind, length = header & 1, header >> 1 & 3, header >> 3
        position += 3 + (1 if kind == _RLE else length)
    position += 4 * (flags >> 2 & 1)  # the checksum
    return position if position <= size else None


def _end_of_lz4(descriptor: int, position: int, size: int) -> int | None:
    """The legacy form, the only one that the kernel reads. It has no end mark: a size of zero ends it, or the file's end."""
    position += 4
    while size - position >= 4:
        raw = os.pread(descriptor, 4, position)
        (length,) = struct.unpack("<I", raw)
        if length == 0:
            return position
        position += 4 if raw == _LZ4_MAGIC else 4 + length
    return position if position <= size else None


@contextmanager
def section(descriptor: int, start: int, end: int) -> Iterator[BinaryIO]:
    """A part of a file as a pipe, for a tool that would read on."""
    reading, writing = os.pipe()

    def feed() -> None:
        position = start
        with suppress(BrokenPipeError):  # the tool has seen enough
            while position < end and (sent := os.sendfile(writing, descriptor, position, end - position)):
                position += sent
        os.close(writing)

    feeder = threading.Thread(target=feed, daemon=True)
    source = open(reading, "rb")  # noqa: SIM115 -- closed below, before the feeder is waited for
    feeder.start()
    try:
        yield source
    finally:
        source.close()
        feeder.join()
