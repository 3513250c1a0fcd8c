"""Run one step of a fix to its end, whatever happens to the terminal that it was started from."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from bootkeep.edges.run import clean_environment

#: bash, not sh: remedies quote odd bytes as $'..', which dash does not know, and a failure inside a pipe must count. It is an
#: essential package on Debian and Ubuntu.
SHELL = ("/bin/bash", "-eu", "-o", "pipefail", "-c")


@dataclass(frozen=True, slots=True)
class StepEnd:
    """How a step ended."""

    exit_code: int
    seconds: float
    timed_out: bool


def run_step(script: str, log: Path, *, timeout_s: float, environment: Mapping[str, str]) -> StepEnd:
    """Run a script with its output in a file. At the deadline its process group gets SIGTERM, ten seconds later SIGKILL.

    Output goes to a file and not through us: a package manager must not die of a broken pipe when we do.
    """
    started = time.monotonic()
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(log, flags, 0o600), "ab") as stream:
        child = subprocess.Popen(
            [*SHELL, script],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=clean_environment(environment),
            cwd="/",
            start_new_session=True,
        )
    _owner(log).write_text(f"{child.pid} {_started(child.pid)}", encoding="ascii")
    timed_out = False
    try:
        child.wait(timeout_s)
    except subprocess.TimeoutExpired:
        timed_out = True
        _end(child)
    return StepEnd(child.returncode if child.returncode is not None else -9, time.monotonic() - started, timed_out)


def still_runs(log: Path) -> bool:
    """Whether the shell of a step works on, though the program that started it is gone."""
    try:
        pid, started = _owner(log).read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return False
    return started != "" and _started(int(pid)) == started


def _owner(log: Path) -> Path:
    return log.with_suffix(".pid")


def _started(pid: int) -> str:
    """When a process began, in ticks since boot: a number that a later process of the same id does not have."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _end(child: subprocess.Popen[bytes]) -> None:
    for number, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(child.pid, number)
            child.wait(patience)
            return
        except ProcessLookupError:
            child.wait(patience)
            return
        except subprocess.TimeoutExpired:
            continue


class Wish:
    """Whether somebody wants the fix to stop: after the step that runs, never in the middle of one."""

    def __init__(self) -> None:
        self.stop = False

    def heard(self, _number: int, _frame: FrameType | None) -> None:
        """A signal handler."""
        self.stop = True


@contextmanager
def unhurried() -> Iterator[Wish]:
    """Ctrl-C, a terminal that goes away, and a polite kill wait for the end of the step."""
    wish = Wish()
    if threading.current_thread() is not threading.main_thread():  # a minion's thread has no signals
        yield wish
        return
    before = {number: signal.signal(number, wish.heard) for number in (signal.SIGINT, signal.SIGTERM)}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
