"""``stale``: processes that still run code which was replaced or removed on disk since they loaded it.

Only executable mappings of ``/proc/PID/maps`` count, and never ``smaps``, which walks page tables (a needs-restarting
that read it took hours on hosts with large databases).
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from bootkeep.edges.looker import looking_process
from bootkeep.edges.native.processes import owner_of, trees_to_leave_out

#: Mappings that are deleted on purpose (needrestart's blacklist_mappings): shared memory, JITs, self-extracting libraries.
NEVER = re.compile(
    r"^(?:/memfd:|/SYSV|/dev/|/drm |/i915|/run/|/proc/|/tmp/|/var/tmp/|/\[aio\]|/var/lib/(?:docker|containers)/"
    r"|.*/(?:\.?org\.chromium|orcexec\.|ffi[A-Za-z0-9]{6}$|jna\d+|libnetty|snappy-|liblz4-java|sqlite-.*-libsqlite)|/#\d+$)"
)
_SUFFIX = b" (deleted)"


def answer(root: Path, _argument: str) -> str:
    """JSON list ``{pid, start_ticks, unit, exe, user, files}``, by pid, for processes with at least one such file."""
    proc = root / "proc"
    names: dict[int, str] = {}
    rows = [row for pid in sorted(_pids(proc)) if (row := owner_of(pid, proc, None, names=names)) is not None]
    hidden = trees_to_leave_out(rows, looking_process())
    found: list[dict[str, object]] = []
    for row in rows:
        files = () if row["pid"] in hidden else _deleted(proc / str(row["pid"]) / "maps")
        if files:
            kept = {name: row[name] for name in ("pid", "start_ticks", "unit", "exe", "user")}
            found.append({**kept, "files": list(files)})
    return json.dumps(found)


def _pids(proc: Path) -> list[int]:
    return [int(name) for name in os.listdir(proc) if name.isdigit()]


def _deleted(path: Path) -> tuple[str, ...]:
    try:
        content = path.read_bytes()
    except OSError:  # it ended, or belongs to a namespace that may not be looked at
        return ()
    if _SUFFIX not in content:
        return ()
    files: set[str] = set()
    for line in content.split(b"\n"):
        if line.endswith(_SUFFIX) and b"x" in line.split(b" ", 2)[1]:
            name = line.split(None, 5)[5].removesuffix(_SUFFIX).decode("utf-8", "surrogateescape")
            if not NEVER.match(name):
                files.add(name)
    return tuple(sorted(files))
