"""The firmware's boot entries, read from its variables as efibootmgr(8) reads them; no tool has to be installed for it.

UEFI specification 2.10: 3.1.3 (EFI_LOAD_OPTION), 10.3 (device paths: 4/1 a partition, 4/4 a file). A file of efivarfs begins
with 4 bytes of attributes. Each read is a call of the firmware, which is slow: only what decides is read.
"""

from __future__ import annotations

import json
import re
import struct
import uuid
from pathlib import Path
from typing import Any

_FOLDER = "sys/firmware/efi/efivars"
_GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
_ENTRY = re.compile(rf"Boot([0-9A-F]{{4}})-{_GLOBAL}")
_ACTIVE = 1
_MEDIA, _PARTITION, _FILE, _END = 4, 1, 4, 0x7F
_GPT, _MBR = 2, 1


def answer(root: Path, _argument: str) -> str:
    """JSON ``{order, next, current, entries: [{number, label, active, partition, loader}]}``; numbers as four digits.

    ``FileNotFoundError`` where no variable can be read: no UEFI, or efivarfs is not mounted.
    """
    folder = root / _FOLDER
    names = sorted(path.name for path in folder.iterdir())
    if not names:
        raise FileNotFoundError(f"/{_FOLDER} is empty: efivarfs is not mounted there")
    matches = [match for match in map(_ENTRY.fullmatch, names) if match]
    return json.dumps(
        {
            "order": _numbers(folder, "BootOrder"),
            "next": "".join(_numbers(folder, "BootNext")[:1]),
            "current": "".join(_numbers(folder, "BootCurrent")[:1]),
            "entries": [load_option(match[1], _content(folder / match[0])) for match in matches],
        }
    )


def _content(path: Path) -> bytes:
    return path.read_bytes()[4:]


def _numbers(folder: Path, name: str) -> list[str]:
    try:
        content = _content(folder / f"{name}-{_GLOBAL}")
    except FileNotFoundError:
        return []
    return [f"{number:04X}" for (number,) in struct.iter_unpack("<H", content[: len(content) // 2 * 2])]


def load_option(number: str, content: bytes) -> dict[str, Any]:
    """One entry. What is cut short comes out as far as it goes: firmware that cannot read it does not start it either."""
    found: dict[str, Any] = {"number": number, "label": "", "active": False, "partition": "", "loader": ""}
    if len(content) < 6:
        return found
    attributes, length = struct.unpack_from("<IH", content)
    found["active"] = bool(attributes & _ACTIVE)
    end = next((at for at in range(6, len(content) - 1, 2) if content[at : at + 2] == b"\0\0"), len(content))
    found["label"] = _text(content[6:end])
    path = content[end + 2 : end + 2 + length]
    while len(path) >= 4:
        kind, below, size = struct.unpack_from("<BBH", path)
        if size < 4 or kind == _END:
            break
        node, path = path[4:size], path[size:]
        if (kind, below) == (_MEDIA, _PARTITION):
            found["partition"] = _partition(node)
        elif (kind, below) == (_MEDIA, _FILE):
            found["loader"] += _text(node)
    return found


def _text(raw: bytes) -> str:
    """UCS-2 up to its zero."""
    return raw[: len(raw) // 2 * 2].decode("utf-16-le", "replace").partition("\0")[0]


def _partition(node: bytes) -> str:
    """The name that lsblk calls PARTUUID; empty for a kind of table that is not known."""
    if len(node) < 38:
        return ""
    number, _start, _size, signature, _table, kind = struct.unpack("<IQQ16sBB", node[:38])
    if kind == _GPT:
        return str(uuid.UUID(bytes_le=signature))
    return f"{struct.unpack_from('<I', signature)[0]:08x}-{number:02x}" if kind == _MBR else ""
