"""Reads in children that can be given up: what hangs costs its own time, never the caller's.

A ``stat`` on a dead NFS mount, a read of a dead disk or of a FUSE file system whose daemon hangs waits in the kernel, where
neither an exception nor a thread's end reaches it, and a process with such a thread cannot even be killed and waited for.
So a machine that runs is read by forked children, one a *lane*. The caller only watches their pipes; a lane that hangs is
killed, left to the kernel when it cannot die, and a new one takes over behind the read that hung. Commands have lanes of
their own, so that files are read while they wait.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from bootkeep.edges.clean_texts import keep_clean
from bootkeep.edges.looker import look_for, looking_process
from bootkeep.edges.small_digests import keep_small
from bootkeep.facts.reading import Reading, Status
from bootkeep.probes.read import Command, Native, Read

if TYPE_CHECKING:
    from bootkeep.edges.host import Host

#: Commands that wait side by side, at most.
_COMMAND_LANES = 3
#: Images that are unpacked side by side. Each takes a processor for its whole time; two is what small servers have.
_IMAGE_LANES = 2
#: Native answers that the kernel gives from its memory, as much work together as all files of /etc.
_OF_THE_KERNEL = frozenset({"processes", "listeners", "stale", "sysctl"})
#: A command's own deadline ends it inside its lane; the lane is only ended when even that did not help.
_GRACE_S = 1.3
#: Children that could not be killed yet: asked again at the next look, so that a long-lived caller keeps no zombies.
_abandoned: list[int] = []


@dataclass
class _Lane:
    """A child and the reads that it has still to answer; the first of them is what it is at."""

    reads: deque[Read]
    pid: int = 0
    pipe: int = -1
    since: float = 0.0  # when it began with the first
    received: bytearray = field(default_factory=bytearray)


def ask_in_lanes(
    host: Host,
    reads: Iterable[Read],
    *,
    until: float,
    patience_s: float,
    meanwhile: Callable[[], object] | None = None,
) -> dict[str, Reading]:
    """Answers by key. ``until`` (of the monotonic clock) ends everything, ``patience_s`` one read.

    A read that takes longer, or that the end cut off, is answered TIMEOUT. ``meanwhile`` is done once the children have begun.
    """
    _reap_abandoned()
    answers: dict[str, Reading] = {}
    lanes = [_Lane(deque(some)) for some in _share(reads, patience_s) if some]
    try:
        for lane in lanes:
            _start(host, lane, until)
        if meanwhile is not None:
            meanwhile()
        while running := [lane for lane in lanes if lane.reads]:
            now = time.monotonic()
            if now >= until:
                break
            _wait(running, min([until, *(lane.since + _allowed(lane.reads[0], patience_s) for lane in running)]) - now)
            for lane in running:
                _receive(lane, answers)
                if lane.reads and lane.pipe < 0:
                    answers[lane.reads.popleft().key] = Reading(Status.FAILED, detail="the child that read it died")
                    _start(host, lane, until)
                elif lane.reads and time.monotonic() >= lane.since + _allowed(lane.reads[0], patience_s):
                    _end(lane)
                    late = Reading(Status.TIMEOUT, detail="it hangs", seconds=time.monotonic() - lane.since)
                    answers[lane.reads.popleft().key] = late
                    _start(host, lane, until)
    finally:
        for lane in lanes:
            _end(lane)
        _reap_abandoned()
    for lane in lanes:
        for read in lane.reads:
            answers[read.key] = Reading(Status.TIMEOUT, detail="the snapshot's own deadline had passed")
    return answers


def _share(reads: Iterable[Read], patience_s: float) -> list[list[Read]]:
    """Files in one lane, in their order; the kernel's answers in another, images and commands over the others.

    In a hurry a command has to answer sooner.
    """
    files: list[Read] = []
    kernel: list[Read] = []
    images: list[Read] = []
    commands: list[Read] = []
    for read in reads:
        if isinstance(read, Command):
            commands.append(replace(read, timeout_s=min(read.timeout_s, 2 * patience_s)))
        elif isinstance(read, Native) and read.name.startswith("initramfs:"):
            images.append(read)
        elif isinstance(read, Native) and read.name in _OF_THE_KERNEL:
            kernel.append(read)
        else:
            files.append(read)
    # Commands first: they start to wait while the files are read.
    return [
        *(commands[number::_COMMAND_LANES] for number in range(_COMMAND_LANES)),
        *(images[number::_IMAGE_LANES] for number in range(_IMAGE_LANES)),
        kernel,
        files,
    ]


def _allowed(read: Read, patience_s: float) -> float:
    return read.timeout_s + _GRACE_S if isinstance(read, Command) else patience_s


def _start(host: Host, lane: _Lane, until: float) -> None:
    lane.since = time.monotonic()
    if not lane.reads or lane.since >= until:
        return
    reading_end, writing_end = os.pipe()
    looker = looking_process()
    try:
        lane.pid = os.fork()
    except OSError:
        os.close(reading_end)
        os.close(writing_end)
        return  # no process can be started: each read is answered as such, one after the other
    if lane.pid == 0:
        look_for(looker)
        _child(host, tuple(lane.reads), writing_end, until)
    os.close(writing_end)
    os.set_blocking(reading_end, False)
    lane.pipe = reading_end
    lane.received.clear()


def _wait(lanes: list[_Lane], seconds: float) -> None:
    poll = select.poll()
    for lane in lanes:
        if lane.pipe < 0:
            return
        poll.register(lane.pipe, select.POLLIN)
    poll.poll(max(0.0, seconds) * 1000 + 1)


def _receive(lane: _Lane, answers: dict[str, Reading]) -> None:
    """Take what the child has written; at the end of its pipe it is over."""
    while lane.pipe >= 0:
        try:
            some = os.read(lane.pipe, 1 << 20)
        except BlockingIOError:
            break
        if not some:
            _end(lane)
            break
        lane.received += some
    while lane.reads and (end := lane.received.find(b"\n")) >= 0:
        status, text, exit_code, detail, seconds = json.loads(lane.received[:end])
        answers[lane.reads.popleft().key] = Reading(Status(status), text, exit_code, detail, seconds)
        del lane.received[: end + 1]
        lane.since = time.monotonic()


def _end(lane: _Lane) -> None:
    """Close the pipe and see the child go; one that the kernel does not let go is left behind."""
    if lane.pipe < 0:
        return
    os.close(lane.pipe)
    lane.pipe = -1
    for number in (signal.SIGTERM, signal.SIGKILL) if lane.reads else ():
        with contextlib.suppress(ProcessLookupError):
            os.kill(lane.pid, number)
        for _ in range(20):
            if _gone(lane.pid):
                return
            time.sleep(0.003)
    _abandoned.append(lane.pid)  # one that is through with its reads is on its way out


def _gone(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:  # somebody who waits for all children (a daemon that ignores SIGCHLD) was faster
        return True


def _reap_abandoned() -> None:
    _abandoned[:] = [pid for pid in _abandoned if not _gone(pid)]


class _Ended(BaseException):
    """Told to end: no Exception, so that nothing on the way takes it for an error of its own."""


def _child(host: Host, reads: tuple[Read, ...], pipe: int, until: float) -> NoReturn:
    """Answer the reads, one line each. Nothing of the caller's is kept open: whoever waits for its end of a pipe gets it."""
    try:
        signal.signal(signal.SIGTERM, _raise_ended)  # ends a command that is being waited for
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os.dup2(pipe, 3)
        for name in os.listdir(
            "/proc/self/fd"
        ):  # closerange() counts to a billion where Python was built on an old libc
            if int(name) > 3:
                with contextlib.suppress(OSError):  # the listing's own
                    os.close(int(name))
        if (look_once := getattr(host, "look_once", None)) is not None:  # this child looks and ends
            look_once()
        with open(3, "wb", buffering=0) as stream:
            for read in reads:
                reading = _answer(host, read, until)
                fields = (reading.status.value, reading.text, reading.exit_code, reading.detail, reading.seconds)
                line = memoryview(json.dumps(fields).encode("ascii") + b"\n")
                while line:
                    line = line[stream.write(line) :]
            keep_small()
            keep_clean()
    finally:
        os._exit(0)


def _answer(host: Host, read: Read, until: float) -> Reading:
    if isinstance(read, Command):  # so that it is this child that ends it, with all that it started
        read = replace(read, timeout_s=max(0.05, min(read.timeout_s, until - time.monotonic() - 0.2)))
    try:
        return host.answer(read)
    except Exception as error:  # noqa: BLE001 - our own mistake in one reader costs one reading
        return Reading(Status.FAILED, detail=f"bootkeep's own mistake: {type(error).__name__}: {error}")


def _raise_ended(_signal: int, _frame: FrameType | None) -> None:
    raise _Ended
