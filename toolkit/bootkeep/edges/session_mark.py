"""Marks in /run about a session: a plugin of dnf or zypper leads it, so that rpm's triggers leave the record to it; or
somebody waits for its end already.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from bootkeep.edges.files import replace_file
from bootkeep.edges.processes import Process

FOLDER = Path("/run/bootkeep")
LED = "led-by-plugin"


def mark(session: Process, *, what: str = LED) -> None:
    """Say it of this process's session: a plugin leads it.

    Without /run the triggers make steps of their own: a longer record, no loss.
    """
    with contextlib.suppress(OSError):
        FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(_path(session.pid, what), f"{session.start_ticks}\n".encode("ascii"), mode=0o600)


def unmark(session: Process, *, what: str = LED) -> None:
    """The plugin is done."""
    with contextlib.suppress(OSError):
        _path(session.pid, what).unlink(missing_ok=True)


def marked(pid: int, start_ticks: int, *, what: str = LED) -> bool:
    """Whether a plugin leads the session of that very process."""
    try:
        return int(_path(pid, what).read_text(encoding="ascii")) == start_ticks
    except (OSError, ValueError):
        return False


def _path(pid: int, what: str) -> Path:
    return FOLDER / f"{what}-{pid}"
