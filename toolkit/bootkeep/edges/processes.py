"""Processes as a hook needs them: who holds the package manager's lock, who started whom, and who sits behind it.

Read from /proc (proc_pid_stat(5), proc_pid_status(5)) without psutil: a hook starts in milliseconds or it is in the way.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
from dataclasses import dataclass
from pathlib import Path

LOCK_FRONTEND = Path("/var/lib/dpkg/lock-frontend")
_UNSET_LOGINUID = 2**32 - 1
# struct flock, 64 bit: l_type, l_whence, l_start, l_len, l_pid; native alignment, padded to what the kernel writes.
_FLOCK = "hhqqi4x"
#: Ancestors looked at, at most: a broken /proc must not become a loop.
_MOST_ANCESTORS = 64


@dataclass(frozen=True, slots=True)
class Process:
    """One process at one moment. ``pid`` and ``start_ticks`` together name it until the next boot."""

    pid: int
    parent: int
    start_ticks: int
    name: str  # comm: at most 15 characters, of the main thread
    arguments: tuple[str, ...]


def boot_id() -> str:
    """This boot's id: a new one at each start of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def process(pid: int) -> Process | None:
    """One process, or None when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    # The name stands in parentheses and may itself hold spaces and parentheses: count from the last one.
    opening, closing = stat.find(b"("), stat.rfind(b")")
    fields = stat[closing + 2 :].split()
    if opening < 0 or closing < 0 or len(fields) < 20 or fields[0] in {b"Z", b"X"}:
        return None
    words = arguments.rstrip(b"\0").split(b"\0") if arguments else []
    return Process(
        pid=pid,
        parent=int(fields[1]),
        start_ticks=int(fields[19]),
        name=os.fsdecode(stat[opening + 1 : closing]),
        arguments=tuple(os.fsdecode(word) for word in words),
    )


def is_alive(pid: int, start_ticks: int) -> bool:
    """Whether that very process still runs, not another one with its number."""
    found = process(pid)
    return found is not None and found.start_ticks == start_ticks


def wait_for_end(pid: int, start_ticks: int, *, timeout_s: float) -> bool:
    """Wait until that very process has ended; False when it still runs after ``timeout_s``. Costs no time while it waits."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        if not is_alive(pid, start_ticks):  # another one with its number, or one that nobody has collected yet
            return True
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        return bool(waiting.poll(timeout_s * 1000))
    finally:
        os.close(descriptor)


def ancestors(pid: int) -> tuple[Process, ...]:
    """The process, its parent, and so on up to the first process."""
    chain: list[Process] = []
    while pid > 0 and len(chain) < _MOST_ANCESTORS:
        found = process(pid)
        if found is None:
            break
        chain.append(found)
        pid = found.parent
    return tuple(chain)


def lock_holder(path: Path = LOCK_FRONTEND) -> int | None:
    """The pid that holds a POSIX lock on the file; None when nobody does, or nobody this process can see (0, -1)."""
    kind, pid = _asked(path)
    return pid if kind != fcntl.F_UNLCK and pid > 0 else None


def locked(path: Path) -> bool:
    """Whether anybody holds a POSIX lock on the file, also one who cannot be seen from here (another PID namespace)."""
    return _asked(path)[0] != fcntl.F_UNLCK


def _asked(path: Path) -> tuple[int, int]:
    """Kind of the lock that is in the way of a writer, and its holder (fcntl(2), F_GETLK)."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return fcntl.F_UNLCK, 0
    try:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _whence, _start, _length, pid = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    except OSError:
        return fcntl.F_UNLCK, 0
    finally:
        os.close(descriptor)
    return kind, pid


def working_folder(pid: int) -> str:
    """The directory that a process's relative paths start from; ``/`` when it cannot be told."""
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return "/"


def person_behind(pid: int) -> str:
    """The user name behind a process above us: who called sudo, else who logged in; empty when nobody did (cron, a service).

    sudo's word is in our own environment, which came down from that process. Nobody else's environment is ever read.
    """
    sudo_user = os.environ.get("SUDO_USER", "")
    if sudo_user:
        return sudo_user
    try:
        uid = int(Path(f"/proc/{pid}/loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return ""
    if uid == _UNSET_LOGINUID:
        return ""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
