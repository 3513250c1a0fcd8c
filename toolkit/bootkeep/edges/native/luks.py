"""The header of one LUKS volume: version, UUID, and how each key slot derives its key. No key material is kept.

Formats: "LUKS On-Disk Format Specification" 1.2.3 and "LUKS2 On-Disk Format Specification" 1.1.1.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

_MAGIC = b"LUKS\xba\xbe"
_SECOND = b"SKUL\xba\xbe"
#: Where the second header of LUKS2 may lie (its section 2.1).
_SECOND_AT = (0x4000, 0x8000, 0x10000, 0x20000, 0x40000, 0x80000, 0x100000, 0x200000, 0x400000)
_SLOT_IN_USE = 0x00AC71F3


def answer(_root: Path, argument: str) -> str:
    """JSON ``{"version", "uuid", "kdfs": [...], "ciphers": [...], "problem"}``. The argument is the device.

    Raises ``OSError`` when it cannot be read or is no LUKS volume.
    """
    with open(argument, "rb") as stream:
        head = stream.read(4096)
        if head[:6] == _MAGIC and head[6:8] == b"\0\1":
            return json.dumps(_first(head))
        if head[:6] == _MAGIC and head[6:8] == b"\0\2":
            (size,) = struct.unpack_from(">Q", head, 8)
            stream.seek(4096)
            return json.dumps(_second(head, stream.read(max(0, min(size, 0x400000) - 4096)), ""))
        for place in _SECOND_AT:
            stream.seek(place)
            head = stream.read(4096)
            if head[:6] == _SECOND:
                (size,) = struct.unpack_from(">Q", head, 8)
                area = stream.read(max(0, min(size, 0x400000) - 4096))
                return json.dumps(_second(head, area, "the first header is damaged, the second one was read"))
    raise OSError(f"{argument} has no LUKS header")


def _first(head: bytes) -> dict[str, Any]:
    slots = [struct.unpack_from(">I", head, 208 + 48 * number)[0] for number in range(8)]
    cipher = f"{_text(head[8:40])}-{_text(head[40:72])}"
    return {
        "version": 1,
        "uuid": _text(head[168:208]),
        "kdfs": ["pbkdf2" for slot in slots if slot == _SLOT_IN_USE],
        "ciphers": [cipher],
        "problem": "",
    }


def _second(head: bytes, area: bytes, problem: str) -> dict[str, Any]:
    plain: Any = {}
    try:
        plain = json.loads(area.partition(b"\0")[0])
        slots = [slot["kdf"]["type"] for _number, slot in sorted(plain["keyslots"].items())]
        ciphers = sorted({segment.get("encryption", "") for segment in plain["segments"].values()})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return {"version": 2, "uuid": _text(head[168:208]), "kdfs": [], "ciphers": [], "problem": f"metadata: {error}"}
    return {"version": 2, "uuid": _text(head[168:208]), "kdfs": slots, "ciphers": ciphers, "problem": problem}


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("ascii", "replace")
