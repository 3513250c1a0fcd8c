"""The revocation level that shim keeps: the SbatLevelRT variable (shim's SBAT.md). 4 bytes of attributes, then text."""

from __future__ import annotations

from pathlib import Path

_VARIABLE = "sys/firmware/efi/efivars/SbatLevelRT-605dab50-e046-4300-abb6-3dd810dd8b23"


def answer(root: Path, _argument: str) -> str:
    """The text, ``component,generation`` a line. ``FileNotFoundError`` where shim has never set it."""
    return (root / _VARIABLE).read_bytes()[4:].rstrip(b"\0").decode("utf-8", "replace")
