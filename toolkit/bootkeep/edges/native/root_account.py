"""The class of root's password, and nothing more: the hash never leaves this function.

It matters because sulogin(8) gives no shell in emergency mode when the account is locked.
"""

from __future__ import annotations

import json
from pathlib import Path


def answer(root: Path, _argument: str) -> str:
    """JSON ``{"password": "locked" | "none" | "set"}``; raises ``FileNotFoundError`` when root is in no shadow file."""
    with (root / "etc/shadow").open("rb") as stream:
        for line in stream:
            name, _, rest = line.partition(b":")
            if name == b"root":
                return json.dumps({"password": _classify(rest.partition(b":")[0].strip())})
    raise FileNotFoundError("/etc/shadow has no line for root")


def _classify(field: bytes) -> str:
    if not field:
        return "none"
    return "locked" if field[:1] in (b"!", b"*") else "set"
