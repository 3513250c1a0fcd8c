"""A real kernel that panics: the archive's own image, in which the name of the first program leads nowhere.

The compressed kernel is unpacked, "/init" (and the three names that are tried after it) becomes a name that no system has, and
it is packed again in its place. Such a kernel decompresses, finds its hardware, and ends with ``Kernel panic - not syncing``.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

from bootkeep.edges.run import run
from bootkeep.lab.chroot import LabError, checked

#: Linux's boot protocol (Documentation/arch/x86/boot.rst): number of setup sectors, place and length of the payload.
_SETUP_SECTORS, _PAYLOAD = 0x1F1, 0x248
_LZ4 = b"\x02\x21\x4c\x18"  # the legacy frame, as the kernel's own build writes it
_SIZE_BYTES = 4  # the build appends the unpacked length
#: init/main.c; the linker keeps "/init" as the tail of "/sbin/init".
_NAMES = b"/sbin/init\0/etc/init\0/bin/init\0"
_NOWHERE = _NAMES.replace(b"/init", b"/gone")


def make_it_panic(image: Path, work: Path) -> None:
    """Rewrite a bzImage so that it panics when it looks for the first program. Raises LabError on an image of another form."""
    content = bytearray(image.read_bytes())
    offset, length = struct.unpack_from("<II", content, _PAYLOAD)
    start = (content[_SETUP_SECTORS] + 1) * 512 + offset
    end = start + length - _SIZE_BYTES
    if content[start : start + 4] != _LZ4:
        raise _not_this_one(image, "its kernel is not packed with LZ4")
    packed, plain = work / "kernel.lz4", work / "kernel"
    packed.write_bytes(content[start:end])
    checked(run(["lz4", "-d", "-f", "-q", str(packed), str(plain)], timeout_s=120), "unpacking a kernel")
    kernel = plain.read_bytes()
    if len(re.findall(re.escape(_NAMES), kernel)) != 1:
        raise _not_this_one(image, "the names of the first program are not where they were")
    plain.write_bytes(kernel.replace(_NAMES, _NOWHERE))
    for level in ("-9", "-12"):  # as the kernel's build does, then tighter: it must fit where it was
        checked(run(["lz4", "-l", level, "-f", "-q", str(plain), str(packed)], timeout_s=300), "packing a kernel")
        if packed.stat().st_size <= end - start:
            break
    else:
        raise _not_this_one(image, "it does not fit in its place any more")
    content[start:end] = packed.read_bytes().ljust(end - start, b"\0")
    image.write_bytes(content)
    packed.unlink()
    plain.unlink()


def _not_this_one(image: Path, why: str) -> LabError:
    return LabError(
        f"this kernel cannot be made to panic: {why}", where=str(image), next_step="Look at lab/panicking.py."
    )
