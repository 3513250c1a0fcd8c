"""A running daemon from outside: its processes, their processor time and memory, and the master's bus."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bootkeep.lab.chroot import LabError
from bootkeep.lab.salt_daemons import Daemon, Fleet

_TICK = os.sysconf("SC_CLK_TCK")


def processes(leader: int) -> dict[int, str]:
    """A daemon's processes, by their own titles."""
    found, wanted = {}, [leader]
    while wanted:
        pid = wanted.pop()
        try:
            title = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            wanted += [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
        except OSError:
            continue
        found[pid] = title
    return found


def cpu_s(pids: list[int]) -> float:
    """Processor seconds of processes so far; one that has ended counts nothing."""
    total = 0.0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        except OSError:
            continue
        total += (int(fields[11]) + int(fields[12])) / _TICK
    return total


def pss_mib(daemon: Daemon) -> float:
    """Proportional memory of a daemon with all its processes."""
    assert daemon.process is not None
    total = 0
    for pid in processes(daemon.process.pid):
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
        except OSError:
            continue
        found = re.search(r"(?m)^Pss:\s+(\d+)", text)
        total += int(found.group(1)) if found else 0
    return round(total / 1024, 1)


def master_bus(fleet: Fleet, *, listen: bool) -> Any:
    """Salt's own client of the master's bus, as a context."""
    import salt.config
    import salt.utils.event

    opts = salt.config.master_config(str(fleet.master.configuration / "master"))
    return salt.utils.event.get_master_event(opts, opts["sock_dir"], listen=listen)


class Meter:
    """Wall and processor time from its making on: of one process of a daemon by its title, and of the whole daemon."""

    def __init__(self, daemon: Daemon, title: str) -> None:
        assert daemon.process is not None
        tree = processes(daemon.process.pid)
        self._one = [pid for pid, name in tree.items() if title in name]
        if not self._one:
            raise LabError(
                f"no process is called {title}", where=str(sorted(tree.values())), next_step="Look at its log."
            )
        self._all = list(tree)
        self._before = (cpu_s(self._one), cpu_s(self._all))
        self._started = time.monotonic()

    def read(self, events: int) -> dict[str, object]:
        """What it took so far, for each event."""
        took = time.monotonic() - self._started
        one, whole = cpu_s(self._one) - self._before[0], cpu_s(self._all) - self._before[1]
        return {
            "events": events,
            "seconds": round(took, 1),
            "events_a_second": round(events / took, 1),
            "cpu_ms_an_event": round(1000 * one / events, 2),
            "master_cpu_ms_an_event": round(1000 * whole / events, 2),
        }

    def until(self, done: Callable[[], bool], events: int, most_s: float) -> dict[str, object]:
        """Read when it is done. Raises LabError when that takes too long."""
        while not done():
            if time.monotonic() - self._started > most_s:
                raise LabError(f"not done within {most_s:.0f} s", where="bench", next_step="Look at the master's log.")
            time.sleep(0.1)
        return self.read(events)
