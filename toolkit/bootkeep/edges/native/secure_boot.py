"""Whether Secure Boot is on: the SecureBoot variable (UEFI specification 2.10, 3.3): 4 bytes of attributes, then 1 or 0."""

from __future__ import annotations

import json
from pathlib import Path

_VARIABLE = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


def answer(root: Path, _argument: str) -> str:
    """JSON ``true`` or ``false``; raises ``FileNotFoundError`` on firmware that has no such variable."""
    content = (root / _VARIABLE).read_bytes()
    if len(content) != 5:
        raise OSError(f"the SecureBoot variable has {len(content)} bytes instead of 5")
    return json.dumps(content[4] == 1)
