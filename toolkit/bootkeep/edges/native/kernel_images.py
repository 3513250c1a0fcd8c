"""Which files in /boot are kernels: told by their own headers, never by their names.

x86 boot protocol (Documentation/arch/x86/boot.rst): ``HdrS`` at 0x202, at 0x20e the address of the version text less
0x200, at 0x1f1 the number of setup sectors and at 0x1f4 the size of the rest in 16-byte units. arm64 (booting.rst):
``ARM\\x64`` at 0x38 and no version; EFI zboot: ``MZ`` and ``zimg`` at 4. Only the first 64 KiB of each file are read, and all of
one that is signed: its signature tells whether the rest is whole.
"""

from __future__ import annotations

import json
import os
import stat
import struct
from pathlib import Path

from bootkeep.edges.known_digests import remembered_of
from bootkeep.edges.native.pe import is_as_signed, read_pe

_HEAD_BYTES = 64 * 1024
#: Ours: preserved kernels live one directory below.
_FOLDERS = ("boot", "boot/bootkeep/*")


def answer(root: Path, _argument: str) -> str:
    """JSON list of ``{path, format, version, error, signed}``, sorted by path; ``signed`` is empty for what is no PE image."""
    rows: list[dict[str, str]] = []
    (root / "boot").stat()
    for pattern in _FOLDERS:
        for folder in sorted(root.glob(pattern)):
            if not folder.is_dir():
                continue
            with os.scandir(folder) as entries:
                paths = sorted(entry.path for entry in entries if entry.is_file(follow_symlinks=False))
            for path in paths:
                row = _row(path)
                if row:
                    rows.append({"path": "/" + os.path.relpath(path, root), **row})
    return json.dumps(rows)


def _row(path: str) -> dict[str, str] | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as stream:
        info = os.fstat(stream.fileno())
        if not stat.S_ISREG(info.st_mode):
            return None
        row = describe(stream.read(_HEAD_BYTES), info.st_size)
        if row is None:
            return None
        pe = read_pe(stream)
    if pe is not None and pe.signed and not row["error"] and not _is_as_signed(path):
        row = {**row, "error": "its content is not what was signed: bytes of it were changed"}
    return {**row, "signed": "" if pe is None else "yes" if pe.signed else "no"}


def _is_as_signed(path: str) -> bool:
    """Read to its last byte, once for each content. A kernel of the right size may be half zeros after a power cut."""
    return remembered_of(Path(path), "as signed", lambda stream: "no" if is_as_signed(stream) is False else "") != "no"


def describe(head: bytes, size: int) -> dict[str, str] | None:
    """What the first bytes of a file say; None when it is no kernel that we know."""
    if head[0x202:0x206] == b"HdrS" and len(head) >= 0x210:
        return _x86(head, size)
    if head[0x38:0x3C] == b"ARMd":
        return {"format": "arm64", "version": "", "error": ""}
    if head[:2] == b"MZ" and head[4:8] == b"zimg":
        return {"format": "zboot", "version": "", "error": ""}
    return None


def _x86(head: bytes, size: int) -> dict[str, str] | None:
    (pointer,) = struct.unpack_from("<H", head, 0x20E)
    start = pointer + 0x200
    end = head.find(b"\0", start) if pointer else -1
    if end < 0:  # memtest86+ speaks the boot protocol too, and names no version
        return None
    sectors = head[0x1F1] or 4
    (paragraphs,) = struct.unpack_from("<I", head, 0x1F4)
    wanted = (sectors + 1) * 512 + paragraphs * 16
    error = f"{size} bytes, but its own header announces {wanted}: it is cut short" if size < wanted else ""
    return {"format": "bzImage", "version": head[start:end].decode("ascii", "replace"), "error": error}
