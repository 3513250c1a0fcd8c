"""Answers that no file or tool gives cheaply: each module makes one JSON text with psutil or a system call.

A native answer takes the host's root directory and the part of the name after the colon, and returns text, or raises
``OSError`` (``FileNotFoundError`` becomes ABSENT, ``PermissionError`` DENIED, the rest FAILED) or ``TimeoutError``.
``LIVE_ONLY`` names answers that describe the running system and so are not taken from a mounted root.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

Answer: TypeAlias = Callable[[Path, str], str]


def native_answers() -> dict[str, Answer]:
    """Every native answer by name. Imported late, so that a hook pays only for what it asks."""
    from bootkeep.edges.native import initramfs, listeners, processes

    return {
        "processes": processes.answer,
        "listeners": listeners.answer,
        "initramfs": initramfs.answer,
    }


LIVE_ONLY = frozenset({"processes", "listeners"})
