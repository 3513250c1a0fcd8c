"""A FAT file system, read from its block device without mounting it: the EFI partitions that are not mounted.

Format: Microsoft's "FAT: General Overview of On-Disk Format" 1.03 (FAT12, FAT16, FAT32, long names). Read only; every chain
is followed at most as far as the file system has clusters, so that damage ends in an error and never in a loop.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_LONGEST_FILE = 512 * 1024 * 1024


class FatError(Exception):
    """This is no FAT file system, or a damaged one; the text says how."""


@dataclass(frozen=True, slots=True)
class FatFile:
    """One file: its path with ``/``, its size, and where it begins."""

    path: str
    size: int
    cluster: int


class Fat:
    """One file system. Raises FatError when it is none."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        head = stream.read(512)
        if len(head) < 512 or head[510:512] != b"\x55\xaa":
            raise FatError("no FAT boot sector")
        (sector, self._per_cluster, reserved, copies, root_entries, small) = struct.unpack_from("<HBHBHH", head, 11)
        small_fat = struct.unpack_from("<H", head, 22)[0]
        total, big_fat = struct.unpack_from("<II", head, 32)
        if sector not in (512, 1024, 2048, 4096) or not self._per_cluster or not copies or not reserved:
            raise FatError("the FAT boot sector makes no sense")
        self._sector = sector
        fat_sectors = small_fat or big_fat
        root_sectors = (root_entries * 32 + sector - 1) // sector
        self._root_at = (reserved + copies * fat_sectors) * sector
        self._data_at = self._root_at + root_sectors * sector
        self._clusters = ((small or total) - self._data_at // sector) // self._per_cluster
        if self._clusters <= 0:
            raise FatError("the FAT file system has no clusters")
        self._bits = 12 if self._clusters < 4085 else 16 if self._clusters < 65525 else 32
        self._root_cluster = struct.unpack_from("<I", head, 44)[0] if self._bits == 32 else 0
        self._root_bytes = root_sectors * sector
        stream.seek(reserved * sector)
        self._table = stream.read(min(fat_sectors * sector, 64 * 1024 * 1024))

    def _next(self, cluster: int) -> int:
        if self._bits == 32:
            value = struct.unpack_from("<I", self._table, cluster * 4)[0] & 0x0FFFFFFF
            return 0 if value >= 0x0FFFFFF7 else value
        if self._bits == 16:
            value = struct.unpack_from("<H", self._table, cluster * 2)[0]
            return 0 if value >= 0xFFF7 else value
        pair = struct.unpack_from("<H", self._table, cluster * 3 // 2)[0]
        value = pair >> 4 if cluster & 1 else pair & 0xFFF
        return 0 if value >= 0xFF7 else value

    def _chain(self, cluster: int) -> Iterator[bytes]:
        size = self._per_cluster * self._sector
        for _ in range(self._clusters + 1):
            if cluster < 2 or cluster >= self._clusters + 2:
                return
            self._stream.seek(self._data_at + (cluster - 2) * size)
            yield self._stream.read(size)
            try:
                cluster = self._next(cluster)
            except struct.error as error:
                raise FatError("the allocation table is cut short") from error
        raise FatError("a chain of clusters has no end")

    def files(self, folder: str = "", depth: int = 6) -> Iterator[FatFile]:
        """All files below a folder. Raises FatError."""
        yield from self._walk(self._root(), folder, depth)

    def _root(self) -> bytes:
        if self._bits == 32:
            return b"".join(self._chain(self._root_cluster))
        self._stream.seek(self._root_at)
        return self._stream.read(self._root_bytes)

    def _walk(self, table: bytes, folder: str, depth: int) -> Iterator[FatFile]:
        long: dict[int, str] = {}
        for offset in range(0, len(table) - 31, 32):
            row = table[offset : offset + 32]
            if row[0] == 0:
                return
            if row[0] == 0xE5:
                long = {}
                continue
            if row[11] == 0x0F:
                long[row[0] & 0x1F] = (row[1:11] + row[14:26] + row[28:32]).decode("utf-16-le", "replace")
                continue
            name = "".join(long[part] for part in sorted(long)).partition("\0")[0] or _short(row)
            long = {}
            if row[11] & 0x08 or name in (".", ".."):
                continue
            cluster = struct.unpack_from("<H", row, 26)[0]
            if self._bits == 32:
                cluster |= struct.unpack_from("<H", row, 20)[0] << 16
            path = f"{folder}/{name}".lstrip("/")
            if row[11] & 0x10:
                if depth:
                    yield from self._walk(b"".join(self._chain(cluster)), path, depth - 1)
            else:
                yield FatFile(path, struct.unpack_from("<I", row, 28)[0], cluster)

    def content(self, file: FatFile) -> io.BytesIO:
        """A file's bytes. Raises FatError when the chain ends before the file does."""
        if file.size > _LONGEST_FILE:
            raise FatError(f"{file.path} has {file.size} bytes")
        pieces = io.BytesIO()
        for piece in self._chain(file.cluster):
            pieces.write(piece)
            if pieces.tell() >= file.size:
                break
        if pieces.tell() < file.size:
            raise FatError(f"{file.path} ends before its size says")
        pieces.truncate(file.size)
        pieces.seek(0)
        return pieces


def _short(row: bytes) -> str:
    base, extension = row[:8].decode("cp437", "replace").rstrip(), row[8:11].decode("cp437", "replace").rstrip()
    if row[12] & 0x08:
        base = base.lower()
    if row[12] & 0x10:
        extension = extension.lower()
    return f"{base}.{extension}" if extension else base
