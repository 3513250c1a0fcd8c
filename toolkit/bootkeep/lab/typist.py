"""Somebody at the serial console: starts a disk under GRUB's own prompt, reads what stands there, and types what the paper says.

One character every 30 ms: a serial line's buffer holds 16, and GRUB loses what comes faster.
"""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from bootkeep.edges.run import SAFE_PATH
from bootkeep.lab.chroot import LabError
from bootkeep.lab.proof import BEGIN, END

_CHARACTER_S = 0.03
#: The firmware draws over a serial line with cursor movements, also inside of words.
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|[\x00\x07\x0e\x0f\r]")


class Typist:
    """One machine's serial line."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._line.setblocking(False)
        self.seen = ""  # all that the console has said, escapes removed

    def wait_for(self, *wanted: str, timeout_s: float) -> str:
        """Wait until one of the texts stands in what came since the last line was typed; which one, empty at the deadline."""
        until = time.monotonic() + timeout_s
        start = self._mark
        while time.monotonic() < until:
            self._read()
            found = next((text for text in wanted if text in self.seen[start:]), "")
            if found:
                return found
            time.sleep(0.05)
        return ""

    def type(self, text: str) -> None:
        """Type one line and press Enter."""
        self._mark = len(self.seen)
        for character in text + "\r":
            self._line.send(character.encode("ascii"))
            time.sleep(_CHARACTER_S)
            self._read()

    def proof(self) -> dict[str, str]:
        """What the booted system said about itself between the image's two marks; empty before that."""
        part = self.seen.rpartition(BEGIN)[2]
        if END not in part:
            return {}
        lines = [line for line in part.partition(END)[0].splitlines() if "=" in line and not line.startswith("[")]
        return dict(line.split("=", 1) for line in lines)

    _mark = 0

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while data := self._line.recv(65536):
                self.seen += _ESCAPES.sub("", data.decode("utf-8", "replace"))


@contextlib.contextmanager
def at_console(disk: Path, *, extra: tuple[str, ...] = ()) -> Iterator[Typist]:
    """Start a disk image with GRUB on the serial line (also without a menu file), for the body of a ``with``."""
    place = disk.with_suffix(".console")
    place.unlink(missing_ok=True)
    argv = [
        *(
            "setpriv",
            "--pdeathsig",
            "KILL",
            "qemu-system-x86_64",
            "-accel",
            "tcg,thread=multi",
            "-m",
            "1024",
            "-smp",
            "2",
        ),
        # Without graphics SeaBIOS lends its own console: GRUB's prompt appears there before any terminal is set up.
        *("-machine", "pc,graphics=off", "-display", "none", "-nic", "none", "-no-reboot"),
        *("-chardev", f"socket,id=line,path={place},server=on,wait=off", "-serial", "chardev:line"),
        *("-drive", f"file={disk},format=raw,if=virtio"),
        *extra,
    ]
    try:
        machine = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={"PATH": SAFE_PATH})
    except FileNotFoundError as error:
        raise LabError(
            "QEMU is not installed", where="qemu-system-x86_64", next_step="make setup installs it."
        ) from error
    try:
        with socket.socket(socket.AF_UNIX) as line:
            _connect(line, place)
            yield Typist(line)
    finally:
        machine.kill()
        machine.wait(10)
        place.unlink(missing_ok=True)


def _connect(line: socket.socket, place: Path) -> None:
    until = time.monotonic() + 10
    while True:
        try:
            line.connect(str(place))
            return
        except OSError:
            if time.monotonic() > until:
                raise LabError("QEMU did not open its serial line", where=str(place), next_step="Try again.") from None
            time.sleep(0.05)
