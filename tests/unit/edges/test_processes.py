"""Who runs what, and who holds the lock: with real processes."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bootkeep.edges import processes


def test_this_process_and_its_ancestors() -> None:
    chain = processes.ancestors(os.getpid())
    assert chain[0].pid == os.getpid()
    assert chain[1].pid == os.getppid()
    assert chain[-1].parent in {0, 1} or chain[-1].pid == 1
    assert processes.is_alive(os.getpid(), chain[0].start_ticks)
    assert not processes.is_alive(os.getpid(), chain[0].start_ticks + 1)


def test_a_name_with_parentheses_and_blanks_does_not_confuse(tmp_path: Path) -> None:
    program = tmp_path / "a) R 1 (b"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([str(program), "60"]) as child:
        try:
            until = time.monotonic() + 5
            while not (found := processes.process(child.pid)) or not found.arguments:  # between fork and exec
                assert time.monotonic() < until
            assert found.parent == os.getpid()
            assert found.arguments == (str(program), "60")
        finally:
            child.kill()
    assert processes.process(child.pid) is None


def test_the_holder_of_a_lock_is_another_process(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert processes.lock_holder(lock) is None  # no such file
    lock.touch()
    assert processes.lock_holder(lock) is None  # nobody holds it
    program = (
        "import fcntl, sys\nstream = open(sys.argv[1], 'r+')\nfcntl.lockf(stream, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\nsys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        assert processes.lock_holder(lock) == child.pid
        child.communicate(b"")
    assert processes.lock_holder(lock) is None


def test_asking_does_not_take_or_lose_a_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    processes.lock_holder(lock)
    with lock.open("r+") as stream:
        fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_person_behind_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "ada")
    assert processes.person_behind(os.getppid()) == "ada"


def test_no_environment_of_a_process_is_ever_read() -> None:
    """Environments hold secrets: not even the word is in the toolkit, but for sentences that say so."""
    toolkit = Path(processes.__file__).parents[1]
    reading = re.compile(r"""[/"']environ["'/]""")
    assert [path.name for path in toolkit.rglob("*.py") if reading.search(path.read_text(encoding="utf-8"))] == []
