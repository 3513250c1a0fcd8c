"""A read that hangs costs its own time and nothing else, whatever it hangs in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import hung_filesystem
from bootkeep.edges.collect import collect
from bootkeep.edges.host import LiveHost
from bootkeep.edges.lanes import ask_in_lanes
from bootkeep.edges.run import run
from bootkeep.facts.reading import Reading, Status
from bootkeep.probes.read import Command, File, Listing, Native, Probe, Read, Space


class Odd:
    """A host that does what the path says."""

    name = "odd"
    may_hang = True

    def answer(self, read: Read) -> Reading:
        word = read.key.rsplit("/", 1)[-1]
        if word == "hang":
            time.sleep(60)
        if word == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if word == "wrong":
            raise ValueError("our mistake")
        if word == "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(60)
        return Reading(Status.OK, word * (300_000 if word == "long" else 1) + "\udcff", 3, "d")


def ask(*words: str, seconds: float = 50.0, patience_s: float = 2.0) -> tuple[dict[str, Reading], float]:
    started = time.monotonic()
    reads = [File(f"/{word}") for word in words]
    answers = ask_in_lanes(Odd(), reads, until=started + seconds, patience_s=patience_s)
    assert list(answers) == [read.key for read in reads]
    return {key.rsplit("/", 1)[-1]: reading for key, reading in answers.items()}, time.monotonic() - started


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def test_answers_come_back_as_they_are() -> None:
    answers, _ = ask("one", "long", "two")
    assert answers["one"] == Reading(Status.OK, "one\udcff", 3, "d")
    assert len(answers["long"].text) == 1_200_001
    assert answers["two"].ok


@pytest.mark.parametrize("how", ["hang", "stubborn"])
def test_a_hung_read_costs_itself(how: str) -> None:
    before = children()
    answers, seconds = ask("one", how, "two", "three")
    assert [answers[word].status for word in ("one", how, "two", "three")] == [
        Status.OK,
        Status.TIMEOUT,
        Status.OK,
        Status.OK,
    ]
    assert 2.0 <= answers[how].seconds <= seconds < 30  # the hung read itself would take 60
    until = time.monotonic() + 30
    while set(children()) - set(before) and time.monotonic() < until:
        ask("one")  # the next look takes leave of those that were on their way out
    assert not set(children()) - set(before)  # one of an earlier test may have gone meanwhile


def test_a_read_that_kills_its_process_or_breaks_costs_itself() -> None:
    answers, _ = ask("die", "wrong", "one")
    assert [answers[word].status for word in ("die", "wrong", "one")] == [Status.FAILED, Status.FAILED, Status.OK]
    assert "our mistake" in answers["wrong"].detail


def test_the_whole_ends_at_its_deadline() -> None:
    answers, seconds = ask("one", "hang", "two", seconds=4.0, patience_s=90)
    assert answers["one"].ok
    assert {answers["hang"].status, answers["two"].status} == {Status.TIMEOUT}
    assert seconds < 30


def test_commands_wait_side_by_side_and_leave_nothing_behind() -> None:
    slow = [Command(("sh", "-c", f"sleep 3; echo {number}")) for number in range(3)]
    endless = Command(("sh", "-c", "exec sleep 4711"), timeout_s=30)
    started = time.monotonic()
    read = File("/proc/self/mountinfo")
    # One after the other they need 9 seconds.
    answers = collect(LiveHost(), [Probe("p", (*slow, endless, read), lambda readings: readings)], deadline_s=8.0)
    assert time.monotonic() - started < 20
    assert [answers[command.key].text for command in slow] == ["0\n", "1\n", "2\n"]
    assert answers[endless.key].status is Status.TIMEOUT
    assert answers[read.key].ok
    assert not pids("^sleep 4711$")


def test_a_caller_that_is_told_to_end_leaves_no_child() -> None:
    program = (
        "from bootkeep.edges.collect import collect; from bootkeep.edges.host import LiveHost\n"
        "from bootkeep.probes.read import Command, Probe\n"
        "collect(LiveHost(), [Probe('p', (Command(('sh', '-c', 'exec sleep 4712')),), lambda r: r)], deadline_s=60)\n"
    )
    environment = {"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen([sys.executable, "-c", program], env=environment, start_new_session=True) as one:
        until = time.monotonic() + 10
        while time.monotonic() < until and not pids("^sleep 4712$"):
            time.sleep(0.05)
        assert pids("^sleep 4712$")
        os.killpg(one.pid, signal.SIGTERM)  # as timeout(1) does
    time.sleep(0.3)
    assert not pids("^sleep 4712$")


def pids(pattern: str) -> str:
    return run(["pgrep", "-f", pattern], timeout_s=5).stdout


@pytest.fixture
def dead_mount(tmp_path: Path) -> Iterator[Path]:
    """A mount whose server never answers."""
    place = tmp_path / "etc" / "dead"
    place.mkdir(parents=True)
    argv = [sys.executable, str(Path(hung_filesystem.__file__)), str(place)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "mounted\n"
        try:
            yield place
        finally:
            server.kill()  # its requests are answered with an error then
            server.wait()
            run(["umount", "-l", str(place)], timeout_s=10)


@pytest.mark.lab
def test_a_dead_mount_costs_its_own_reads(dead_mount: Path) -> None:
    root = dead_mount.parent.parent
    (root / "etc/fstab").write_text("x")
    dead = (Space("/etc/dead"), Listing("/etc/dead/*"), File("/etc/dead/file"), Native("initramfs:/etc/dead/initrd"))
    reads = (File("/etc/fstab"), *dead, Listing("/etc/*"))
    started = time.monotonic()
    answers = collect(LiveHost(root), [Probe("p", reads, lambda readings: readings)], deadline_s=8.0)
    seconds = time.monotonic() - started
    assert answers[reads[0].key].text == "x"
    # Four dead reads of a quarter of the deadline each: what comes after them is cut off, and says so.
    assert {answers[read.key].status for read in dead} == {Status.TIMEOUT}
    assert seconds < 30  # it never answers
    quick = collect(LiveHost(root), [Probe("p", (dead[0], File("/etc/fstab")), lambda r: r)], deadline_s=8.0)
    assert quick["file:/etc/fstab"].ok
    assert quick[dead[0].key].detail == "it hangs"
