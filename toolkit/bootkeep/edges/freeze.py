"""Freeze a file system and thaw it at once, so that its journal is empty and everything is in its place on the device.

Started as a process of its own (``python -I -m bootkeep.edges.freeze TARGET``): what it opens, ignores and forks is nobody
else's. Whatever happens to it, a second process thaws: after a few seconds, or as soon as the first one is gone. That one
is in a session of its own, ignores the signals of a terminal, and is the last that the kernel kills for want of memory.
Only ioctl(2) FIFREEZE and FITHAW (linux/fs.h; see fsfreeze(8)). What may be frozen is decided in bootkeep.edges.flush.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import signal
import sys
import time
from collections.abc import Callable

FIFREEZE = 0xC0045877  # _IOWR('X', 119, int)
FITHAW = 0xC0045878
#: Freezing writes what is dirty and takes as long as that; the moment between freezing and thawing is microseconds.
WATCH_S = 5.0
#: After that the watchdog gives up asking: the freeze itself hangs on a dead device, and then nothing is frozen.
_GIVE_UP_S = 120.0
_BEGIN, _REFUSED, _THAWED = b"b", b"n", b"t"


def freeze_and_thaw(target: str, *, watch_s: float = WATCH_S, hold: Callable[[], None] = lambda: None) -> None:
    """Freeze the file system mounted at ``target`` and thaw it. Raises ``OSError`` when it is refused (EBUSY: somebody
    else froze it, then it stays frozen). ``hold`` runs in between: for the tests of the watchdog."""
    folder = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    reading, writing = os.pipe()
    watchdog = os.fork()
    if watchdog == 0:
        os.close(writing)
        _watch(folder, reading, watch_s)
    os.close(reading)
    try:
        os.write(writing, _BEGIN)
        try:
            fcntl.ioctl(folder, FIFREEZE, 0)
        except OSError:
            os.write(writing, _REFUSED)
            raise
        try:
            hold()
        finally:
            _thaw(folder)
            os.write(writing, _THAWED)
    finally:
        os.close(writing)
        os.close(folder)
        os.waitpid(watchdog, 0)


def _thaw(folder: int) -> bool:
    """Thaw; false when it was not frozen."""
    try:
        fcntl.ioctl(folder, FITHAW, 0)
    except OSError as error:
        if error.errno == errno.EINVAL:
            return False
        raise
    return True


def _watch(folder: int, reading: int, watch_s: float) -> None:
    """The watchdog's whole life; it never returns."""
    try:
        os.setsid()
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as stream:
            stream.write("-1000")
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):  # whoever waits for our starter's output must not wait for us
            os.dup2(null, descriptor)
        if _ended_well(reading, watch_s):
            return
        until = time.monotonic() + _GIVE_UP_S
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                if _thaw(folder):
                    return
                if _gone(reading):  # nobody is left who could still freeze it
                    return
            time.sleep(0.2)
    finally:
        os._exit(0)


def _ended_well(reading: int, seconds: float) -> bool:
    """Whether the freezer said within its time that nothing is frozen (any more)."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if not select.select([reading], [], [], left)[0]:
            return False
        said = os.read(reading, 1)
        if said in (_REFUSED, _THAWED):
            return True
        if not said:
            return False
    return False


def _gone(reading: int) -> bool:
    return bool(select.select([reading], [], [], 0)[0]) and os.read(reading, 1) != _BEGIN


def main() -> int:
    """``TARGET``: 0 when it was frozen and thawed, 1 with the reason on standard error when it was refused."""
    try:
        freeze_and_thaw(sys.argv[1])
    except OSError as error:
        sys.stderr.write(f"{error.strerror or error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
