"""A mark in /run while a plugin of dnf or zypper leads a session: the triggers of rpm then leave the record to it."""

from __future__ import annotations

import contextlib
from pathlib import Path

from bootkeep.edges.files import replace_file
from bootkeep.edges.processes import Process

FOLDER = Path("/run/bootkeep")


def mark(session: Process) -> None:
    """A plugin leads this process's session. Without /run the triggers make steps of their own: a longer record, no loss."""
    with contextlib.suppress(OSError):
        FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(_path(session.pid), f"{session.start_ticks}\n".encode("ascii"), mode=0o600)


def unmark(session: Process) -> None:
    """The plugin is done."""
    with contextlib.suppress(OSError):
        _path(session.pid).unlink(missing_ok=True)


def marked(pid: int, start_ticks: int) -> bool:
    """Whether a plugin leads the session of that very process."""
    try:
        return int(_path(pid).read_text(encoding="ascii")) == start_ticks
    except (OSError, ValueError):
        return False


def _path(pid: int) -> Path:
    return FOLDER / f"led-by-plugin-{pid}"
