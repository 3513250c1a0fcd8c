"""Whatever happens to a hook, patching goes on with its own exit code, and what is recorded stays readable."""

from __future__ import annotations

import time

import pytest

from bootkeep.facts.transaction import Outcome

from .conftest import Machine

pytestmark = pytest.mark.lab


def install(machine: Machine, before: str = "", name: str = "kappa") -> tuple[int, str]:
    """Install a fresh package by apt; exit code and what the person saw. The package is gone again afterwards."""
    path = machine.deb(name, "1")
    done = machine(f"{before}\napt-get -qy install {path}")
    state = machine.state(name)
    machine(f"dpkg -P {name}", DPKG_FRONTEND_LOCKED="1")
    assert (done.exit_code == 0) == (state == "ii 1"), (state, done.stderr)
    return done.exit_code, done.stderr


def unguarded(said: str) -> list[str]:
    """The lines by which a person learns that nobody watches."""
    return [line for line in said.splitlines() if line.startswith("bootkeep: NOT GUARDED")]


def test_a_missing_interpreter_is_told_once_and_logged(machine: Machine) -> None:
    """Salt was upgraded and its Python moved: without a word the host would look protected for ever."""
    machine.shim("apt-hook", PYTHON="/nonexistent/python")
    code, said = install(machine)
    assert code == 0
    (line,) = unguarded(said)
    assert "/nonexistent/python is missing" in line
    assert machine.log().count("/nonexistent/python is missing") == 2
    assert machine.transactions() == []


def test_a_broken_interpreter_is_told_once_and_logged(machine: Machine) -> None:
    """Its Python is there, and the toolkit is not in it any more."""
    machine.shim("apt-hook", PYTHON="/bin/false")
    code, said = install(machine)
    assert code == 0
    assert len(unguarded(said)) == 1
    assert "ended with code 1" in machine.log()


def test_raw_dpkg_tells_it_too(machine: Machine) -> None:
    machine.shim("dpkg-hook", PYTHON="/nonexistent/python")
    done = machine(f"dpkg -i {machine.deb('kappa', '1')} && dpkg -P kappa")
    assert done.exit_code == 0
    assert len(unguarded(done.stderr)) == 2  # two transactions


def test_a_missing_shim_lets_patching_go_on(machine: Machine) -> None:
    (machine.root / "usr/lib/bootkeep/apt-hook").unlink()
    (machine.root / "usr/lib/bootkeep/dpkg-hook").unlink()
    assert install(machine)[0] == 0
    done = machine(f"dpkg -i {machine.deb('kappa', '1')} && dpkg -P kappa")
    assert done.exit_code == 0, done.stderr


def test_the_deadline_is_the_shims_own(machine: Machine) -> None:
    machine.shim("apt-hook", DEADLINE="0.02")
    code, _ = install(machine)
    assert code == 0
    assert "no end after 0.02 seconds" in machine.log()


def test_a_hung_tool_costs_a_reading_not_the_transaction(machine: Machine) -> None:
    tool = machine.root / "usr/local/sbin/systemctl"
    tool.write_text("#!/bin/sh\nexec sleep 1000\n")
    tool.chmod(0o755)
    try:
        started = time.monotonic()
        code, said = install(machine)
    finally:
        tool.unlink()
    assert code == 0
    assert time.monotonic() - started < 60  # of 1000
    item = machine.only()
    assert item.outcome is Outcome.DONE, machine.log()
    assert item.phases == ("pre", "post"), machine.log()
    assert "recorded as" in said


def test_a_hung_interpreter_is_ended_with_all_it_started(machine: Machine) -> None:
    program = machine.root / "usr/local/bin/hang"
    program.write_text("#!/bin/sh\ntrap '' TERM\nsleep 1000 &\nsleep 1000\n")
    program.chmod(0o755)
    machine.shim("apt-hook", PYTHON="/usr/local/bin/hang", DEADLINE="0.5")
    started = time.monotonic()
    assert install(machine)[0] == 0
    assert time.monotonic() - started < 60  # of 1000
    assert machine.log().count("no end after") == 2


@pytest.mark.parametrize("after", ["0.05", "0.15", "0.3", "0.6"])
def test_a_hook_killed_at_any_moment(machine: Machine, after: str) -> None:
    program = machine.root / "usr/local/bin/killed"
    program.write_text(f'#!/bin/sh\n/usr/bin/python3 "$@" &\nsleep {after}\nkill -9 $! 2>/dev/null\nkill -9 $$\n')
    program.chmod(0o755)
    machine.shim("apt-hook", PYTHON="/usr/local/bin/killed")
    assert install(machine)[0] == 0
    machine.transactions()  # all readable
    machine.shim("apt-hook")
    assert install(machine)[0] == 0
    items = machine.transactions()
    assert items[-1].outcome is Outcome.DONE
    assert all(item.outcome is not Outcome.OPEN for item in items)


@pytest.mark.parametrize("how", ["size=16k", "size=64k,nr_inodes=6", "ro"])
def test_a_full_or_read_only_store(machine: Machine, how: str) -> None:
    mount = f"mkdir -p /var/lib/bootkeep && mount -t tmpfs -o {how} tmpfs /var/lib/bootkeep"
    code, said = install(machine, mount)
    assert code == 0
    lines = [line for line in said.splitlines() if line.startswith("bootkeep:")]
    assert lines
    assert all("not fully recorded" in line for line in lines), said
    assert "Traceback" not in said


def test_a_full_log_folder(machine: Machine) -> None:
    code, said = install(machine, "mkdir -p /var/log/bootkeep; mount -t tmpfs -o ro tmpfs /var/log/bootkeep")
    assert code == 0
    assert "recorded as" in said
    assert machine.only().outcome is Outcome.DONE


def test_a_python_that_lost_its_library_fails_open(machine: Machine) -> None:
    code, _ = install(machine, "mount -t tmpfs tmpfs /usr/lib/python3.11")
    assert code == 0
