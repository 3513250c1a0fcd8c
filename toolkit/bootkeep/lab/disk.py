"""Disk images as block devices with partitions, attached so that they detach themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.run import run
from bootkeep.lab.chroot import checked

SECTOR = 512  # bytes; loop devices have 512-byte sectors unless asked otherwise


@dataclass(frozen=True, slots=True)
class Loop:
    """One attached image."""

    path: str  # /dev/loopN
    partitions: int

    @property
    def name(self) -> str:
        """Kernel name."""
        return Path(self.path).name

    def partition(self, number: int) -> str:
        """Node of a partition."""
        return f"{self.path}p{number}"

    @property
    def nodes(self) -> str:
        """All nodes, for a private /dev."""
        return " ".join([self.path, *(self.partition(number + 1) for number in range(self.partitions))])

    def links(self, root_uuid: str, root_number: int, disk_link: str) -> str:
        """What udev would make: ``name=target`` below /dev, relative as udev's are."""
        return f"disk/by-uuid/{root_uuid}=../../{self.name}p{root_number} disk/by-id/{disk_link}=../../{self.name}"


@contextmanager
def attached(image: Path) -> Iterator[Loop]:
    """Attach an image for the body of a ``with``; exactly this device is detached at the end, whatever happened."""
    loop = attach(image)
    try:
        yield loop
    finally:
        run(["losetup", "-d", loop.path], timeout_s=30)


def attach(image: Path) -> Loop:
    """Attach an image. Kernels without a GPT parser make no partitions by themselves: partx does it by ioctl."""
    # --partscan: without it the kernel keeps the partitions after the image is gone.
    done = checked(run(["losetup", "-f", "--show", "--partscan", str(image)], timeout_s=30), "attaching the disk")
    path = done.stdout.strip()
    listed = run(["partx", "-s", "-g", "-o", "NR", str(image)], timeout_s=30).stdout.split()
    run(["partx", "-a", path], timeout_s=30)  # fails when the kernel has made them itself: then they are there
    loop = Loop(path, len(listed))
    if not all(Path(loop.partition(number + 1)).exists() for number in range(len(listed))):
        run(["losetup", "-d", path], timeout_s=30)
        checked(run(["false"], timeout_s=5), f"making partition nodes for {path}")
    return loop
