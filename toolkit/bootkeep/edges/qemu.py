"""Power on a disk image: QEMU with its own firmware, nothing shared with this machine, its serial line as the only way in.

Processors are emulated (TCG): a boot takes about half a minute and needs no KVM, no rights and no network.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bootkeep.edges.run import SAFE_PATH
from bootkeep.edges.serial_console import SerialConsole
from bootkeep.facts.errors import BootkeepError

PROGRAM = "qemu-system-x86_64"
MEMORY_MIB = 1024


@contextlib.contextmanager
def powered_on(
    disk: Path | None, *, firmware_console: bool = False, memory_mib: int = MEMORY_MIB, extra: tuple[str, ...] = ()
) -> Iterator[SerialConsole]:
    """Start a disk image (it is written to, as a real boot does) for the body of a ``with``; the power is cut at its end.

    Whatever ends this program ends the machine. ``firmware_console``: no graphics; SeaBIOS lends its own console then, and
    GRUB's prompt appears on the serial line before any terminal is set up (what is set up for it later appears twice).
    ``extra``: further arguments of QEMU; without ``disk`` the disks are among them. Raises BootkeepError when QEMU is missing or
    does not start.
    """
    drive = () if disk is None else ("-drive", f"file={str(disk).replace(',', ',,')},format=raw,if=virtio")
    # A folder of its own: the path of a socket may have 107 bytes (unix(7)), a disk's may be longer.
    with tempfile.TemporaryDirectory(prefix="bootkeep-vm-") as folder:
        place, log = Path(folder) / "serial", Path(folder) / "log"
        argv = [
            *(
                "setpriv",
                "--pdeathsig",
                "KILL",
                PROGRAM,
                "-accel",
                "tcg,thread=multi",
                "-m",
                str(memory_mib),
                "-smp",
                "2",
            ),
            *(
                "-machine",
                "pc,graphics=off" if firmware_console else "pc",
                "-display",
                "none",
                "-nic",
                "none",
                "-no-reboot",
            ),
            *("-chardev", f"socket,id=line,path={place},server=on,wait=off", "-serial", "chardev:line"),
            *drive,
            *extra,
        ]
        with log.open("wb") as complaints:
            machine = _start(argv, complaints.fileno())
        try:
            with socket.socket(socket.AF_UNIX) as line:
                _connect(line, place, machine, log)
                yield SerialConsole(line, lambda: machine.poll() is None)
        finally:
            machine.kill()
            machine.wait(10)


def _start(argv: list[str], complaints: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=complaints, stderr=complaints, env={"PATH": SAFE_PATH}
        )
    except FileNotFoundError as error:
        raise BootkeepError("QEMU is not installed", where=PROGRAM, next_step="make setup installs it.") from error


def _connect(line: socket.socket, place: Path, machine: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            line.connect(str(place))
            return
        except OSError:
            if machine.poll() is not None or time.monotonic() > until:
                said = log.read_text(encoding="utf-8", errors="replace").strip()[-400:]
                raise BootkeepError(
                    f"the virtual machine did not start: {said or 'it said nothing'}",
                    where=PROGRAM,
                    next_step="'qemu-system-x86_64 --version' tells whether it is installed; is the disk there?",
                ) from None
            time.sleep(0.05)
