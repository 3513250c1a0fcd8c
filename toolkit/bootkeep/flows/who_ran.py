"""Who ran a package manager that no hook saw: told from what the package manager itself wrote down."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bootkeep.facts.redaction import redact_arguments
from bootkeep.facts.transaction import Caller
from bootkeep.probes.packages.history import HistoryEntry, parse_apt_history, parse_zypp_history

#: The end of a log is enough: it is asked for what was done since the last look.
_TAIL_BYTES = 512 * 1024
_UNSET_LOGINUID = 2**32 - 1


def unknown_caller(boot_id: str, manager: str = "unknown") -> Caller:
    """Nobody saw the process."""
    return Caller(manager, 0, 0, boot_id, (), "")


def who_ran(root: Path, caller: Caller, *, since: float, until: float, known: str = "") -> Caller:
    """The newest run between two moments (seconds since the epoch) that a package manager's own history tells of.

    ``caller`` as it is when none does: raw dpkg and rpm write no command line anywhere. ``known``: the package manager of the
    transaction that ``since`` is the last look of. Histories and looks know whole seconds: a run that began in that very second
    is another one, unless it is that manager's.
    """
    found = [
        (started, program, entry)
        for started, program, entry in _runs(root)
        if since < started <= until or (int(started) == int(since) and program != known)
    ]
    if not found:
        return caller
    _, program, entry = max(found, key=lambda one: one[0])
    return Caller(program, 0, 0, caller.boot_id, redact_arguments(entry.command), entry.user)


def _runs(root: Path) -> Iterator[tuple[float, str, HistoryEntry]]:
    for path, parse in (("var/log/apt/history.log", parse_apt_history), ("var/log/zypp/history", parse_zypp_history)):
        for entry in parse(_tail(root / path)):
            with contextlib.suppress(ValueError, OverflowError):
                local = datetime.strptime(entry.started, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - the host's own zone
                yield local.timestamp(), entry.command[0].rsplit("/", 1)[-1], entry
    yield from _dnf(root / "var/lib/dnf/history.sqlite")


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            return stream.read(_TAIL_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _dnf(path: Path) -> Iterator[tuple[float, str, HistoryEntry]]:
    """dnf 4: table ``trans`` (libdnf/transaction/Swdb). Opened read-only, never waited for."""
    if not path.is_file():
        return
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=0.2)) as database:
            rows = database.execute("SELECT dt_begin, cmdline, user_id FROM trans ORDER BY id DESC LIMIT 20").fetchall()
    except sqlite3.Error:
        return
    for begun, command, user in rows:
        words = ("dnf", *str(command or "").split())
        name = "" if user in (None, _UNSET_LOGINUID) else _user_name(int(user))
        yield (
            float(begun or 0),
            "dnf",
            HistoryEntry(datetime.fromtimestamp(float(begun or 0), UTC).isoformat(), words, name),
        )


def _user_name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return str(uid)
