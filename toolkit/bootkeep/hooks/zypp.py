"""The commit plugin of libzypp: it observes. libzypp answers no plugin's "no"; and one that is late is killed.

Frames on standard input, ``COMMAND\\nheader:value\\n...\\n\\nbody\\0``, one answer each (libzypp: Plugin-Commit.doc).
Every frame is answered within the hook's own deadline of about 5 s; libzypp waits 30 s. The slow look comes later, by a timer.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

from bootkeep.hooks.watch import PERSON, OutOfTime, watched

#: Below libzypp's 30 seconds for an answer, whatever the policy says.
_DEADLINE_S = 6.0
_ACK = b"ACK\n\n\0"
_NOT_OURS = b"_ENOMETHOD\n\n\0"
#: libzypp's word for a moment -> our phase.
_MOMENTS = {"COMMITBEGIN": "pre", "COMMITEND": "post"}
_LIMIT_BYTES = 32 * 1024 * 1024


def serve(work: Callable[[str, str, bytes | None], int]) -> int:
    """Answer frames until libzypp closes the pipe. Always 0: an exit code of ours would mean nothing to it."""
    answers = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 10)  # above PERSON
    os.dup2(2, 1)  # a stray print would be a frame
    _speak_to_the_person()
    buffer = b""
    ended = False
    while True:
        frame, separator, buffer = buffer.partition(b"\0")
        if not separator:
            some = os.read(0, 65536)
            buffer = frame + some
            if not some or len(buffer) > _LIMIT_BYTES:
                return 0
            continue
        command, body = parse_frame(frame)
        phase = _MOMENTS.get(command, "")
        if command == "PLUGINEND" and not ended:
            phase = "post"  # zypper gave up between the two: the record is closed all the same
        if phase:
            ended = phase == "post"
            _in_time(work, phase, body)
        known = phase or command in {"PLUGINBEGIN", "PLUGINEND", "_DISCONNECT"}
        os.write(answers, _ACK if known else _NOT_OURS)
        if command == "_DISCONNECT":
            return 0


def parse_frame(frame: bytes) -> tuple[str, bytes]:
    """The command and the body of one frame; headers are not needed here."""
    head, _, body = frame.partition(b"\n\n")
    command = head.lstrip(b"\n").split(b"\n", 1)[0].decode("ascii", "replace").strip()
    return command, body


def _in_time(work: Callable[[str, str, bytes | None], int], phase: str, body: bytes) -> None:
    """One half of the transaction in a child that is given up at the deadline."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, _DEADLINE_S)
    try:
        watched(lambda: work("zypp", phase, body))
    except (OutOfTime, OSError) as error:
        print(f"bootkeep: zypp {phase}: {error!r}", file=sys.stderr)  # noqa: T201 - standard error is zypper's log
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _speak_to_the_person() -> None:
    """libzypp keeps a plugin's standard error in its log. The person reads zypper's own."""
    pid = os.environ.get("ZYPP_IS_RUNNING", "")
    place = f"/proc/{pid if pid.isdigit() else os.getppid()}/fd/2"
    try:
        descriptor = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        descriptor = os.dup(2)
    if descriptor != PERSON:
        os.dup2(descriptor, PERSON)
        os.close(descriptor)
