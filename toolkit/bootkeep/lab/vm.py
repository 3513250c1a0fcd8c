"""Boot a host's disk for real, and what such a boot proves: the image prints a proof between two marks once it is up."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.qemu import powered_on
from bootkeep.edges.serial_console import SerialConsole
from bootkeep.lab.proof import BEGIN, END

#: What a dead boot says; seeing one of these ends the wait.
DEAD = (
    *("Kernel panic", "(initramfs)", "You are in emergency mode", "grub rescue>", "error: no such", "error: file `"),
    *("dracut:/#", "Entering emergency mode", "error: ../../grub-core", "No bootable device"),
)
#: Its last words come a moment after the first.
_LAST_WORDS_S = 3.0


@dataclass(frozen=True, slots=True)
class Boot:
    """What one boot proved."""

    facts: dict[str, str]  # empty when the system did not come up
    console: str
    seconds: float

    @property
    def came_up(self) -> bool:
        """Whether the system reached its ordinary state and said so."""
        return bool(self.facts)

    @property
    def died_of(self) -> str:
        """The first line that says why it did not come up; empty when it did, or said nothing."""
        lines = [] if self.came_up else [line.strip() for line in self.console.splitlines()]
        return next((line for line in lines if any(word in line for word in DEAD)), "")


def boot(disk: Path, *, timeout_s: float = 240.0, at_console: Callable[[SerialConsole], None] | None = None) -> Boot:
    """Boot a disk image (it is written to, as a real boot does) and wait for its proof, a dead end, or the deadline.

    ``at_console``: somebody who sits at the serial line from the start and may type before the wait begins.
    """
    started = time.monotonic()
    with powered_on(disk) as console:
        if at_console is not None:
            at_console(console)
        facts = wait_for_proof(console, timeout_s=timeout_s)
        return Boot(facts, console.seen, time.monotonic() - started)


def wait_for_proof(console: SerialConsole, *, timeout_s: float) -> dict[str, str]:
    """What the booted system says about itself; empty when it dies, or when the time is over."""
    found = console.wait_for(END, *DEAD, timeout_s=timeout_s)
    if found and found != END:
        console.wait_for(END, timeout_s=_LAST_WORDS_S)
    return facts_in(console.seen)


def facts_in(text: str) -> dict[str, str]:
    """The newest whole proof; a line that a kernel message fell into is not taken for one."""
    for part in reversed(text.replace("\r", "").split(BEGIN)[1:]):
        if END in part:
            lines = [line for line in part.partition(END)[0].splitlines() if "=" in line and not line.startswith("[")]
            return dict(line.split("=", 1) for line in lines)
    return {}
