"""The record of a package manager that runs no hook at its end is closed when that process ends. With real processes."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootkeep.edges import processes
from bootkeep.edges.store import Store
from bootkeep.facts.policy import Policy
from bootkeep.facts.transaction import Action, Caller, Outcome, PackageChange, Transaction
from bootkeep.flows.late_close import close_at_rest, close_at_the_end, may_end_silently
from bootkeep.flows.transaction import Request, open_transaction

_HOLD = """
import fcntl, sys, time
stream = open(sys.argv[1], "w")
fcntl.lockf(stream, fcntl.LOCK_EX)
open(sys.argv[2], "w").close()
time.sleep(600)
"""
CHANGE = PackageChange("a", "all", "1", "2", Action.UPGRADE)


@pytest.fixture
def manager() -> Iterator[subprocess.Popen[bytes]]:
    """A package manager at work."""
    with subprocess.Popen(["sleep", "600"]) as child:
        yield child
        child.kill()


def opened(manager: subprocess.Popen[bytes], root: Path) -> tuple[Store, Caller]:
    _status(root, "1")
    found = processes.process(manager.pid)
    assert found is not None
    caller = Caller("zypper", found.pid, found.start_ticks, processes.boot_id(), ("zypper", "up"), "")
    store = Store(root / "var/lib/bootkeep")
    open_transaction(Request(caller, (CHANGE,), {}), store=store, policy=Policy(), root=root, deadline_s=2.0)
    return store, caller


def _status(root: Path, version: str) -> None:
    (root / "var/lib/dpkg/info").mkdir(parents=True, exist_ok=True)
    text = f"Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: {version}\n"
    (root / "var/lib/dpkg/status").write_text(text)


def only(store: Store) -> Transaction:
    (item,) = store.transactions()
    assert isinstance(item, Transaction)
    return item


@pytest.mark.parametrize(("version", "outcome"), [("2", Outcome.DONE), ("1", Outcome.FAILED)])
def test_it_is_closed_at_the_end_and_not_before(
    manager: subprocess.Popen[bytes], tmp_path: Path, version: str, outcome: Outcome
) -> None:
    """Killed or not: what the database says then is what was done."""
    store, caller = opened(manager, tmp_path)
    said: list[bool] = []
    waiting = threading.Thread(
        target=lambda: said.append(close_at_the_end(store, Policy(), caller.pid, caller.start_ticks, root=tmp_path))
    )
    waiting.start()
    time.sleep(0.3)
    assert only(store).outcome is Outcome.OPEN and not said
    _status(tmp_path, version)
    manager.kill()
    manager.wait(10)
    waiting.join(60)
    assert said == [True]
    item = only(store)
    assert (item.outcome, {"pre", "post"} <= set(item.phases)) == (outcome, True), item.outcome_detail
    assert close_at_the_end(store, Policy(), caller.pid, caller.start_ticks, root=tmp_path) is False


def test_a_program_that_stays_is_not_waited_for(manager: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """PackageKit's daemon lives on: its record is closed when it holds no lock and nothing was written for a while, no sooner."""
    store, _caller = opened(manager, tmp_path)
    _status(tmp_path, "2")
    database, lock = (tmp_path / f"var/lib/dpkg/{name}" for name in ("status", "lock"))
    later = time.time() + 600
    assert not close_at_rest(store, Policy(), root=tmp_path, quiet_s=90), "a moment ago it wrote"
    os.utime(database, (later - 5, later - 5))
    assert not close_at_rest(store, Policy(), root=tmp_path, quiet_s=90, now=later), "it still writes"
    os.utime(database, (later - 120, later - 120))
    os.mkfifo(tmp_path / "held")
    with subprocess.Popen(["python3", "-c", _HOLD, str(lock), str(tmp_path / "held")]) as holder:
        (tmp_path / "held").read_bytes()  # until it has the lock
        assert not close_at_rest(store, Policy(), root=tmp_path, quiet_s=90, now=later), "it waits at a prompt"
        holder.kill()
    assert only(store).outcome is Outcome.OPEN
    (closed,) = close_at_rest(store, Policy(), root=tmp_path, quiet_s=90, now=later)
    assert closed == only(store) and closed.outcome is Outcome.DONE and {"pre", "post"} <= set(closed.phases)
    assert close_at_rest(store, Policy(), root=tmp_path, quiet_s=90, now=later) == ()


def test_another_process_with_the_same_number_is_not_waited_for(
    manager: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    store, caller = opened(manager, tmp_path)
    started = time.monotonic()
    assert processes.wait_for_end(caller.pid, caller.start_ticks + 1, timeout_s=60)
    assert time.monotonic() - started < 30
    assert not processes.wait_for_end(caller.pid, caller.start_ticks, timeout_s=0.2)
    assert only(store).outcome is Outcome.OPEN


def test_which_rpm_may_be_silent_at_its_end() -> None:
    assert may_end_silently(("rpm", "--root", "/", "-U", "--percent", "--force", "--noposttrans", "--", "kernel.rpm"))
    assert may_end_silently(("rpm", "-e", "acmed"))
    assert may_end_silently(("/usr/bin/rpm", "--erase", "acmed"))
    assert not may_end_silently(("rpm", "-Uvh", "noposttrans.rpm"))
    assert not may_end_silently(("rpm", "-qa"))
    assert not may_end_silently(("zypper", "rm", "-e", "acmed"))
