"""GRUB's boot code on one BIOS disk, and whether its core image is the one that grub-install made last.

``boot.img`` (GRUB's boot/i386/pc/boot.S) keeps at 0x5c the sector of the core image; grub-install leaves the core image that
it wrote in /boot/grub/i386-pc/core.img. While it embeds a core it changes the first sector (block list) and some words of the
second, and may append error correction: all else is equal, byte by byte.
"""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

_CORE = "boot/grub/i386-pc/core.img"
_SECTOR = 512
#: Bytes at the beginning of the core that grub-install changes while it embeds: block list sector and decompressor's words.
_CHANGED = 2 * _SECTOR


def answer(root: Path, argument: str) -> str:
    """JSON ``{"grub", "sector", "core": "same"|"other"|"none", "core_image": true|false}``. The argument is the disk.

    ``core_image`` tells whether /boot/grub/i386-pc/core.img exists; without it ``core`` says nothing. ``empty``: not one byte
    of code is in the first sector, of whatever loader.
    """
    kept = root / _CORE
    core = kept.read_bytes() if kept.is_file() else b""
    with open(argument, "rb") as stream:
        boot = stream.read(_SECTOR)
        if len(boot) < _SECTOR or boot[510:512] != b"\x55\xaa" or b"GRUB" not in boot[:440]:
            found = {"grub": False, "sector": 0, "core": "none", "core_image": bool(core)}
            return json.dumps({**found, "empty": not any(boot[:440])})
        (sector,) = struct.unpack_from("<Q", boot, 0x5C)
        if not 0 < sector < 1 << 40:
            return json.dumps({"grub": True, "sector": 0, "core": "none", "core_image": bool(core)})
        stream.seek(sector * _SECTOR, os.SEEK_SET)
        embedded = stream.read(len(core) or _SECTOR)
    same = bool(core) and embedded[_CHANGED:] == core[_CHANGED:]
    return json.dumps({"grub": True, "sector": sector, "core": "same" if same else "other", "core_image": bool(core)})
