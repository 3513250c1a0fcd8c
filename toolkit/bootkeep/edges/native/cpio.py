"""cpio archives in the "newc" format, as a stream: names, and the contents of the few small members that are asked for.

Format: Documentation/driver-api/early-userspace/buffer-format.rst of the kernel. A 110-byte header in ASCII hexadecimal,
the name, padding to 4, the content, padding to 4; a member called ``TRAILER!!!`` ends the archive.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Protocol

MAGICS = (b"070701", b"070702")
_CHUNK = 1 << 20
#: PATH_MAX of the kernel: a longer name is garbage.
_LONGEST_NAME = 4096
#: Of a member's mode. A link's content is the path that it leads to, not a file's.
_TYPE, _REGULAR = 0o170000, 0o100000


class Readable(Protocol):
    """Anything with ``read(n)``."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; empty at the end."""
        ...


class Damaged(Exception):
    """The bytes are no intact archive; the text says how."""


class Cursor:
    """A stream with a position and one pushed-back piece."""

    def __init__(self, stream: Readable, position: int = 0) -> None:
        self._stream = stream
        self._held = b""
        self.position = position

    def take(self, count: int) -> bytes:
        """Up to ``count`` bytes: fewer only at the end of the stream."""
        pieces = [self._held[:count]]
        self._held = self._held[count:]
        missing = count - len(pieces[0])
        while missing:
            piece = self._stream.read(missing)
            if not piece:
                break
            pieces.append(piece)
            missing -= len(piece)
        taken = b"".join(pieces)
        self.position += len(taken)
        return taken

    def give_back(self, piece: bytes) -> None:
        """Push bytes back to be taken again."""
        self._held = piece + self._held
        self.position -= len(piece)

    def exactly(self, count: int, what: str) -> bytes:
        """``count`` bytes, or Damaged."""
        taken = self.take(count)
        if len(taken) < count:
            raise Damaged(f"the image ends inside {what}, at byte {self.position} of the archive")
        return taken

    def skip(self, count: int, what: str) -> None:
        """Pass over ``count`` bytes without holding them."""
        while count:
            count -= len(self.exactly(min(count, _CHUNK), what))

    def skip_zeros(self) -> bytes:
        """Pass over zero bytes (padding between archives); returns the next 6 bytes without taking them."""
        while True:
            block = self.take(512)
            rest = block.lstrip(b"\0")
            if rest or len(block) < 512:
                self.give_back(rest)
                head = self.take(6)
                self.give_back(head)
                return head


def members(cursor: Cursor, wanted: Container[str], longest: int = 64 * 1024) -> Iterator[tuple[str, bytes | None]]:
    """Names of one archive's members, with the content of regular files that are wanted and not longer than that.

    ``wanted`` holds plain names, without a leading ``./``. Raises Damaged.
    """
    while True:
        header = cursor.exactly(110, "a header")
        if header[:6] not in MAGICS:
            raise Damaged(f"no archive member at byte {cursor.position - 110} of the archive")
        try:
            size = int(header[54:62], 16)
            length = int(header[94:102], 16)
            mode = int(header[14:22], 16)
        except ValueError as error:
            raise Damaged(f"a damaged header at byte {cursor.position - 110} of the archive") from error
        if not 0 < length <= _LONGEST_NAME or size < 0:
            raise Damaged(f"a name of {length} bytes at byte {cursor.position - 110} of the archive")
        name = cursor.exactly(length, "a name").rstrip(b"\0").decode("utf-8", "surrogateescape")
        cursor.skip(-(110 + length) % 4, f"the padding of {name}")
        if name == "TRAILER!!!":
            return
        content: bytes | None = None
        if name.removeprefix("./") in wanted and size <= longest and mode & _TYPE == _REGULAR:
            content = cursor.exactly(size, name)
        else:
            cursor.skip(size, name)
        # The padding of the last member may be missing when nothing follows: the trailer always follows.
        cursor.skip(-size % 4, f"the padding of {name}")
        yield name, content
