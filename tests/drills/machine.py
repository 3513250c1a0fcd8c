"""An emulated machine with named disks, and somebody at its serial line."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.qemu import powered_on
from bootkeep.edges.run import run
from bootkeep.edges.serial_console import SerialConsole
from bootkeep.lab.chroot import checked

#: Debian's ovmf: the code is read-only, the variables are a copy that the machine writes to.
OVMF = Path("/usr/share/OVMF")
#: Where the transcripts land.
OUT = Path(__file__).parents[2] / "out" / "drills"


@dataclass(frozen=True, slots=True)
class Drive:
    """A disk of the machine; ``serial`` is what stands on its sticker."""

    image: Path
    serial: str
    throwaway: bool = False  # writes are gone afterwards


@contextlib.contextmanager
def machine(
    drives: Sequence[Drive], *, boot: Sequence[str] = (), variables: Path | None = None
) -> Iterator[SerialConsole]:
    """Start it for the body of a ``with``: from its first disk, or with ``boot`` (QEMU's -kernel and so on).

    ``variables`` is the firmware's memory: with it the machine starts by UEFI, else as a BIOS machine.
    """
    extra = ["-cpu", "max", *boot]
    if variables:
        extra += ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF}/OVMF_CODE_4M.fd"]
        extra += ["-drive", f"if=pflash,format=raw,file={variables}"]
    for number, drive in enumerate(drives):
        snapshot = ",snapshot=on" if drive.throwaway else ""
        extra += ["-drive", f"file={drive.image},format=raw,if=none,id=d{number},cache=unsafe{snapshot}"]
        extra += ["-device", f"virtio-blk-pci,drive=d{number},serial={drive.serial},bootindex={number + 1}"]
    with powered_on(None, firmware_console=variables is None, memory_mib=1536, extra=tuple(extra)) as console:
        try:
            yield console
        finally:
            _keep(console)


def _keep(console: SerialConsole) -> None:
    """What stood on the serial line, of all machines of a test one after another: out/drills/NAME.txt."""
    OUT.mkdir(parents=True, exist_ok=True)
    name = os.environ.get("PYTEST_CURRENT_TEST", "by hand").rpartition("::")[2].partition(" ")[0]
    with (OUT / f"{re.sub('[^a-z0-9_]+', '-', name.lower())}.txt").open("a", encoding="utf-8") as stream:
        stream.write(f"===== a machine is switched on =====\n{console.seen}\n===== its power is cut =====\n")


def new_disk(path: Path, mib: int) -> Path:
    """An empty sparse disk."""
    with path.open("wb") as stream:
        stream.truncate(mib * 1024**2)
    return path


def copy_disk(source: Path, target: Path) -> Path:
    """A copy, sparse where the original is."""
    checked(run(["cp", "--sparse=always", "--reflink=auto", str(source), str(target)], timeout_s=300), "copying")
    return target


def new_variables(folder: Path) -> Path:
    """The memory of a firmware that has never booted anything."""
    return Path(shutil.copy(OVMF / "OVMF_VARS_4M.fd", folder / "variables.fd"))


def kit(folder: Path, image: Path) -> Path:
    """A disk called KIT with the contents of a folder."""
    argv = ["mkfs.ext4", "-q", "-F", "-L", "KIT", "-m", "0", "-d", str(folder), str(image), "64m"]
    checked(run(argv, timeout_s=120), "making the disk KIT")
    return image
