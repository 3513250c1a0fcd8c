"""Which process looks at the machine: it, and what it started, is no part of the picture."""

from __future__ import annotations

import os

_looker: list[int] = []


def looking_process() -> int:
    """The process that wanted the look: this one, unless it reads for another one."""
    return _looker[0] if _looker else os.getpid()


def look_for(pid: int) -> None:
    """From here on this process reads for ``pid``."""
    _looker[:] = [pid]
