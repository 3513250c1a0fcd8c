"""Boot a host's disk for real: QEMU with its own firmware, GRUB from the disk, the kernel that the menu chooses.

Emulated processors (TCG): a boot takes about half a minute and needs no KVM. What the machine has to say comes over its
serial line: the image holds a unit that prints a proof between two marks once the system is up.
"""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.run import SAFE_PATH
from bootkeep.lab.chroot import LabError
from bootkeep.lab.proof import BEGIN, END

#: What a dead boot says; seeing one of these ends the wait at once.
DEAD = ("Kernel panic", "(initramfs)", "You are in emergency mode", "grub rescue>", "error: no such", "error: file `")


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


def boot(disk: Path, *, timeout_s: float = 240.0) -> Boot:
    """Boot a disk image (it is written to, as a real boot does) and wait for its proof, a dead end, or the deadline."""
    log = disk.with_suffix(".serial")
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
        *("-display", "none", "-nic", "none", "-no-reboot", "-serial", f"file:{log}"),
        *("-drive", f"file={disk},format=raw,if=virtio"),
    ]
    started = time.monotonic()
    log.write_bytes(b"")
    try:
        machine = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env={"PATH": SAFE_PATH})
    except FileNotFoundError as error:
        raise LabError(
            "QEMU is not installed", where="qemu-system-x86_64", next_step="make setup installs it."
        ) from error
    try:
        text = ""
        while time.monotonic() - started < timeout_s and machine.poll() is None:
            text = log.read_text(encoding="utf-8", errors="replace")
            if END in text.partition(BEGIN)[2] or any(word in text for word in DEAD):
                break
            time.sleep(0.25)
    finally:
        machine.kill()
        machine.wait(10)
        log.unlink(missing_ok=True)  # its text is in the result
    return Boot(_facts(text), text, time.monotonic() - started)


def _facts(text: str) -> dict[str, str]:
    """The newest whole proof; a line that a kernel message fell into is not taken for one."""
    for part in reversed(text.replace("\r", "").split(BEGIN)[1:]):
        if END in part:
            lines = [line for line in part.partition(END)[0].splitlines() if "=" in line and not line.startswith("[")]
            return dict(line.split("=", 1) for line in lines)
    return {}
