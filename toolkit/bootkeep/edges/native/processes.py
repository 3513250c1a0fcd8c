"""``processes``: every user-space process, as proc(5) shows it, with its arguments redacted before they leave this module.

Never read: environments (they hold secrets). Left out: kernel threads, ourselves, and the tree of a package manager that
runs right now: it would be in every ``pre`` and in no ``settled`` snapshot. What called the package manager is marked, for
the same reason: the script may have ended by then, or have gone on with something else.
"""

from __future__ import annotations

import json
import os
import pwd
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.looker import looking_process
from bootkeep.edges.redaction_key import host_mask
from bootkeep.facts.redaction import Mask, plain_mask, redact_arguments

#: PF_KTHREAD of include/linux/sched.h.
_KERNEL_THREAD = 0x0020_0000
#: Names (comm, cut to 15 bytes by the kernel) of programs whose whole tree belongs to a transaction.
PACKAGE_MANAGERS = frozenset(
    {
        "apt",
        "apt-get",
        "aptitude",
        "apt.systemd.dai",
        "dpkg",
        "unattended-upgr",
        "dnf",
        "dnf5",
        "yum",
        "zypper",
        "rpm",
        "pacman",
    }
)
#: The second of four: effective.
_UID = re.compile(r"^Uid:\s+\d+\s+(\d+)", re.MULTILINE)
#: Arguments longer than this say nothing more to a reader.
_LONGEST_ARGUMENTS = 4096


@dataclass(frozen=True, slots=True)
class ProcStat:
    """The fields of /proc/PID/stat that we use (proc(5))."""

    name: str  # comm
    parent: int
    terminal: bool
    flags: int
    start_ticks: int


def parse_stat(text: str) -> ProcStat:
    """``/proc/PID/stat``. The name stands in brackets and may itself hold brackets, blanks and line feeds.

    Raises ValueError on a text that is not such a line.
    """
    opening, closing = text.index("("), text.rindex(")")
    fields = text[closing + 1 :].split()
    if len(fields) < 20:
        raise ValueError(f"stat has {len(fields) + 2} fields")
    return ProcStat(
        name=text[opening + 1 : closing],
        parent=int(fields[1]),
        terminal=fields[4] != "0",
        flags=int(fields[6]),
        start_ticks=int(fields[19]),
    )


def unit_of_cgroup(text: str) -> str:
    """The systemd unit in ``/proc/PID/cgroup``: the innermost ``*.service``, ``*.scope`` or ``*.socket``; else empty."""
    for line in text.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" or controllers == "name=systemd":
            for part in reversed(path.split("/")):
                if part.endswith((".service", ".scope", ".socket")):
                    return part
    return ""


def owner_of(
    pid: int, proc: Path = Path("/proc"), mask: Mask | None = plain_mask, *, names: dict[int, str] | None = None
) -> dict[str, object] | None:
    """One process as a plain object; None when it has gone, or is a kernel thread.

    ``mask`` hides the secrets among its arguments; with None there are none to hide: they are not read. ``names`` are users'
    names that were looked up before, and takes further ones.
    """
    folder = f"{proc}/{pid}"
    try:
        stat = parse_stat(_text(f"{folder}/stat"))
        if stat.flags & _KERNEL_THREAD:
            return None
        uid = _effective_uid(_text(f"{folder}/status"))
        unit = unit_of_cgroup(_text(f"{folder}/cgroup"))
        arguments = [] if mask is None else _text(f"{folder}/cmdline")[:_LONGEST_ARGUMENTS].rstrip("\0").split("\0")
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    try:
        exe = os.readlink(f"{folder}/exe")
    except OSError:
        exe = ""
    stale = exe.endswith(" (deleted)")
    return {
        "pid": pid,
        "parent": stat.parent,
        "name": stat.name,
        "user": _user_name(uid, {} if names is None else names),
        "uid": uid,
        "start_ticks": stat.start_ticks,
        "unit": unit,
        "exe": exe.removesuffix(" (deleted)"),
        "arguments": [f"[{stat.name}]"]
        if mask is None or arguments == [""]
        else list(redact_arguments(arguments, mask)),
        "terminal": stat.terminal,
        "stale": stale,
    }


def answer(root: Path, _argument: str) -> str:
    """JSON list of processes, by pid."""
    proc, mask = root / "proc", host_mask(root)
    names: dict[int, str] = {}
    rows = [row for pid in sorted(_pids(proc)) if (row := owner_of(pid, proc, mask, names=names)) is not None]
    hidden = trees_to_leave_out(rows, looking_process())
    callers = callers_among(rows)
    return json.dumps([row | {"caller": row["pid"] in callers} for row in rows if row["pid"] not in hidden])


def trees_to_leave_out(rows: Iterable[dict[str, object]], own_pid: int) -> frozenset[object]:
    """Pids of ourselves, of every package manager, and of everything that these started and that is still their child."""
    children: dict[object, list[object]] = {}
    roots: list[object] = [own_pid]
    for row in rows:
        children.setdefault(row["parent"], []).append(row["pid"])
        if row["name"] in PACKAGE_MANAGERS:
            roots.append(row["pid"])
    hidden: set[object] = set()
    while roots:
        pid = roots.pop()
        if pid not in hidden:
            hidden.add(pid)
            roots.extend(children.get(pid, ()))
    return frozenset(hidden)


def callers_among(rows: Iterable[dict[str, object]]) -> frozenset[object]:
    """Pids above every package manager: the script, shell and session that called it, up to the service they belong to.

    A service's own main process (a child of init in its unit: cron, sshd, salt-minion) is none of them: when a transaction
    stops it, that is news.
    """
    by_pid = {row["pid"]: row for row in rows}
    callers: set[object] = set()
    for row in by_pid.values():
        if row["name"] in PACKAGE_MANAGERS:
            above = by_pid.get(row["parent"])
            while above is not None and above["pid"] != 1 and above["pid"] not in callers and not _is_main(above):
                callers.add(above["pid"])
                above = by_pid.get(above["parent"])
    return frozenset(callers)


def _is_main(row: dict[str, object]) -> bool:
    return row["parent"] == 1 and str(row["unit"]).endswith(".service")


def _pids(proc: Path) -> Iterable[int]:
    return (int(name) for name in os.listdir(proc) if name.isdigit())


def _text(path: str) -> str:
    with open(path, "rb", buffering=0) as stream:
        return stream.read().decode("utf-8", "surrogateescape")


def _effective_uid(status: str) -> int:
    found = _UID.search(status)
    if found is None:
        raise ValueError("no Uid line")
    return int(found[1])


def _user_name(uid: int, names: dict[int, str]) -> str:
    # /etc/passwd through the C library; a host with a directory service resolves local daemons from files first.
    if uid not in names:
        try:
            names[uid] = pwd.getpwuid(uid).pw_name
        except KeyError:
            names[uid] = str(uid)
    return names[uid]
