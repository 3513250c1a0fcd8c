"""A machine's serial line: what stands there is read, and lines are typed as a person would type them.

A serial line's buffer holds 16 characters, and GRUB loses what comes faster than it reads: the next one is sent when the one before
was echoed, and never within 30 ms.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Callable

_CHARACTER_S = 0.03
#: Where nothing is echoed (a password, a machine that is busy) the next character is sent after so long.
_ECHO_S = 3.0
#: The firmware and GRUB draw over a serial line with cursor movements, also inside of words.
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|[\x00\x07\x0e\x0f\r]")


class SerialConsole:
    """One machine's serial line, over a socket. ``seen`` is all that it has said, without cursor movements."""

    def __init__(self, line: socket.socket, is_on: Callable[[], bool] = lambda: True) -> None:
        self._line = line
        self._line.setblocking(False)
        self._is_on = is_on
        self._mark = 0
        self._rest = ""  # the beginning of an escape sequence whose end has not come yet
        self.seen = ""

    def wait_for(self, *wanted: str, timeout_s: float) -> str:
        """Wait until one of the texts stands in what came since the last line was typed; which one.

        Empty at the deadline, and when the machine went off without saying any of them.
        """
        until = time.monotonic() + timeout_s
        while True:
            is_on = self._is_on()
            self._read()
            found = next((text for text in wanted if text in self.seen[self._mark :]), "")
            if found or not is_on or time.monotonic() >= until:
                return found
            time.sleep(0.05)

    def type(self, text: str, *, echoed: bool = True) -> None:
        """Type one line and press Enter. A passphrase is not ``echoed``: nothing is waited for then."""
        self.press(text + "\r", echoed=echoed)

    def press(self, keys: str, *, echoed: bool = True) -> None:
        """Press keys, without Enter: letters in a menu, control characters."""
        self._mark = len(self.seen)
        for character in keys:
            length = len(self.seen)
            self._send(character.encode("ascii"))
            time.sleep(_CHARACTER_S)
            self._read()
            until = time.monotonic() + (_ECHO_S if echoed and character.isprintable() else 0)
            while len(self.seen) == length and time.monotonic() < until and self._is_on():
                time.sleep(0.01)
                self._read()

    def _send(self, data: bytes) -> None:
        until = time.monotonic() + 10
        while data:
            try:
                data = data[self._line.send(data) :]
            except BlockingIOError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionResetError):
            while data := self._line.recv(65536):
                text = self._rest + data.decode("utf-8", "replace")
                cut = text.rfind("\x1b")
                self._rest = ""
                if cut >= 0 and len(text) - cut < 12 and not _ESCAPES.match(text[cut:]):
                    text, self._rest = text[:cut], text[cut:]
                self.seen += _ESCAPES.sub("", text)
