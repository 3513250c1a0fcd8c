"""A hook's process goes when it is told to, whatever its worker waits for."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import hung_filesystem
from bootkeep.edges.run import run

PROGRAM = """
import os, signal, sys, time
from bootkeep.hooks.watch import OutOfTime, watched

def work():
    with open({mark!r}, "w") as stream:
        stream.write(str(os.getpid()))
    {work}

try:
    print("ended", watched(work))
except OutOfTime:
    print("out of time")
"""


class Hook:
    """A process that watches a worker, as the shim starts it."""

    def __init__(self, folder: Path, work: str) -> None:
        self.mark = folder / "worker"
        self.person = folder / "person"
        environment = {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"]}
        program = folder / "hook.py"
        program.write_text(PROGRAM.format(mark=str(self.mark), work=work))
        inner = f"exec {sys.executable} {program} 3>{self.person} >{folder / 'log'}"
        self.process = subprocess.Popen(["sh", "-c", inner], env=environment)
        self.log = folder / "log"  # not a pipe: a worker that nobody can end keeps it open, as it does the hook's log

    def worker(self) -> int:
        """The worker's pid, as soon as it works."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            if self.mark.exists() and self.mark.read_text():
                return int(self.mark.read_text())
            time.sleep(0.01)
        raise AssertionError("the worker did not start")

    def end(self) -> tuple[str, float]:
        """What the process printed, and how long it took from now on."""
        started = time.monotonic()
        self.process.wait(10)
        return self.log.read_text().strip(), time.monotonic() - started


def gone(pid: int) -> bool:
    """Whether a process is over within a second."""
    until = time.monotonic() + 1
    while time.monotonic() < until:
        try:
            if " Z " in Path(f"/proc/{pid}/stat").read_text():
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.01)
    return False


def test_code_and_words_come_through(tmp_path: Path) -> None:
    hook = Hook(tmp_path, 'os.write(3, b"to the person\\n"); return 91')
    assert hook.end()[0] == "ended 91"
    assert hook.person.read_text() == "to the person\n"


def test_a_worker_that_dies_is_told_from_one_that_ends(tmp_path: Path) -> None:
    assert Hook(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)").end()[0] == "ended None"
    assert Hook(tmp_path, "raise SystemExit(0)").end()[0] == "ended 1"


def test_a_worker_that_hears_its_deadline_has_the_last_word(tmp_path: Path) -> None:
    work = (
        "\n    try:\n        time.sleep(60)\n    except OutOfTime:\n        os.write(3, b'late\\n')\n        return 0\n"
    )
    hook = Hook(tmp_path, work)
    hook.worker()
    hook.process.terminate()
    said, seconds = hook.end()
    assert (said, hook.person.read_text()) == ("ended 0", "late\n")
    assert seconds < 10  # of 60: nobody is held up, however busy the machine


def test_a_worker_that_does_not_hear_is_left(tmp_path: Path) -> None:
    hook = Hook(tmp_path, "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)")
    worker = hook.worker()
    time.sleep(0.1)
    hook.process.terminate()
    said, seconds = hook.end()
    assert said == "out of time"
    assert seconds < 10  # of 60: nobody is held up, however busy the machine
    assert gone(worker)


def test_a_worker_never_outlives_a_killed_hook(tmp_path: Path) -> None:
    hook = Hook(tmp_path, "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)")
    worker = hook.worker()
    hook.process.kill()
    hook.end()
    assert gone(worker)


@pytest.mark.lab
def test_a_worker_that_not_even_sigkill_ends_holds_nobody_up(tmp_path: Path) -> None:
    place = tmp_path / "dead"
    place.mkdir()
    argv = [sys.executable, str(Path(hung_filesystem.__file__)), str(place)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == "mounted\n"
            hook = Hook(tmp_path, f'os.stat("{place}/file")')
            worker = hook.worker()
            time.sleep(0.2)
            hook.process.terminate()
            said, seconds = hook.end()
            state = Path(f"/proc/{worker}/stat").read_text().split()[2]
        finally:
            server.kill()
            run(["umount", "-l", str(place)], timeout_s=10)
    assert said == "out of time"
    assert seconds < 10  # of 60: nobody is held up, however busy the machine
    assert state == "D"
    assert gone(worker)
