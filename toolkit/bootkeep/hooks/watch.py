"""A hook's work in a child that can be given up, so that nothing it waits for can hold up the package manager.

timeout(1) kills a process that is too slow, but not one that waits in the kernel for a dead disk or mount: that one stays
until the kernel lets it go, and everybody who waits for it stays as well. The process that timeout(1) started therefore only
waits, reads what the worker says from a pipe, and goes when it is told to, whether the worker could die or not.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

#: Where the shim put the person's terminal.
PERSON = 3
#: After SIGTERM, for the worker's last words: below the second that timeout(1) gives before SIGKILL.
_LAST_WORDS_S = 0.5


class OutOfTime(BaseException):
    """The shim's deadline. No Exception: nothing on the way may take it for an error of its own and go on."""


def watched(work: Callable[[], int]) -> int | None:
    """Exit code of ``work``, run in a child whose descriptor 3 leads to the person; None when it died.

    Raises OutOfTime when SIGTERM came and the worker did not end by itself.
    """
    said, saying = os.pipe()
    alive, living = os.pipe()
    # Before there is a worker: a deadline right after the fork must not end this process without a word.
    signal.signal(signal.SIGTERM, _give_up)
    text = bytearray()
    pid = 0
    try:
        pid = os.fork()
        if pid == 0:
            _worker(work, said, saying, alive, living)
        os.close(saying)
        os.close(alive)
        _listen(said, text, seconds=None)
        return _exit_code(pid)
    except OutOfTime:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if pid == 0:
            raise
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)  # timeout(1) tells its whole group; a caller without one tells only us
        if _listen(said, text, seconds=_LAST_WORDS_S):
            return _exit_code(pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        raise
    finally:
        with contextlib.suppress(OSError):
            os.write(PERSON, text)


def _worker(work: Callable[[], int], said: int, saying: int, alive: int, living: int) -> None:
    code = 1
    try:
        os.close(said)
        os.close(living)
        # When the watcher is gone, its end of this pipe is closed, and the kernel sends SIGIO, which ends a process: a
        # worker that outlives its hook would write into the record of a transaction that is long over (fcntl(2), F_SETOWN).
        fcntl.fcntl(alive, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(alive, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
        if os.getppid() == 1:
            os._exit(1)
        signal.signal(signal.SIGTERM, _give_up)
        os.dup2(saying, PERSON)
        if saying != PERSON:
            os.close(saying)
        code = work()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _listen(said: int, text: bytearray, *, seconds: float | None) -> bool:
    """Take what the worker says, to its end; False when ``seconds`` were over first."""
    until = None if seconds is None else time.monotonic() + seconds
    poll = select.poll()
    poll.register(said, select.POLLIN)
    while True:
        left = None if until is None else max(0.0, until - time.monotonic()) * 1000
        if not poll.poll(left):
            return False
        some = os.read(said, 65536)
        if not some:
            return True
        text += some


def _exit_code(pid: int) -> int | None:
    """The worker has closed its pipe: it is about to end, or was killed."""
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else None


def _give_up(_signal: int, _frame: FrameType | None) -> None:
    raise OutOfTime
