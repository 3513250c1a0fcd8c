"""A serial line: read without cursor movements, typed no faster than it is read."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from bootkeep.edges.serial_console import SerialConsole
from bootkeep.lab.vm import Boot, facts_in


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a serial line."""
    machine, line = socket.socketpair()
    yield machine, line
    line.close()
    machine.close()


Pair = tuple[socket.socket, socket.socket]


def test_escapes_are_left_out_also_when_they_come_in_two_pieces(pair: Pair) -> None:
    machine, line = pair
    console = SerialConsole(line)
    machine.send(b"g\x1b[9;2Hrub> \x1b[")
    assert console.wait_for("grub> ", timeout_s=2) == "grub> "
    machine.send(b"7mmenu\x1b[0m\r\n")
    assert console.wait_for("menu\n", timeout_s=2)
    assert console.seen == "grub> menu\n"


def test_a_slow_machine_loses_no_character(pair: Pair) -> None:
    """It takes a character every 50 ms, and drops what comes while it is busy with the one before."""
    machine, line = pair
    got: list[str] = []

    def slow() -> None:
        while data := machine.recv(16):
            got.append(data[:1].decode())
            time.sleep(0.05)
            machine.send(data[:1])

    busy = threading.Thread(target=slow, daemon=True)
    busy.start()
    console = SerialConsole(line)
    console.type("set k=6.1.0-55")
    assert console.wait_for("-55", timeout_s=5)
    time.sleep(0.1)
    assert "".join(got) == "set k=6.1.0-55\r"
    line.shutdown(socket.SHUT_RDWR)
    busy.join(5)


def test_it_waits_for_what_comes_after_the_last_line_and_no_longer_than_the_machine_is_on(pair: Pair) -> None:
    machine, line = pair
    machine.send(b"grub> ")
    console = SerialConsole(line, lambda: False)
    assert console.wait_for("grub> ", timeout_s=5) == "grub> "
    console.press("\x05")
    started = time.monotonic()
    assert console.wait_for("grub> ", timeout_s=30) == ""
    assert time.monotonic() - started < 5


def test_a_proof_is_the_newest_whole_one() -> None:
    first, second = "release=1\r\n", "release=2\n[ 3.1] a=b\n"
    text = "".join(f"LAB-PROOF-BEGIN\r\n{part}LAB-PROOF-END\r\n" for part in (first, second)) + "LAB-PROOF-BEGIN\nrel"
    assert facts_in(text) == {"release": "2"}
    assert facts_in("LAB-PROOF-BEGIN\nrelease=1") == {}
    dead = Boot({}, "x\n[ 2.1] Kernel panic - not syncing: VFS\nmore", 1.0)
    assert (dead.came_up, dead.died_of) == (False, "[ 2.1] Kernel panic - not syncing: VFS")
