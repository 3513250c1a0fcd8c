"""A root folder becomes a disk that boots: GPT with a BIOS boot partition, one ext4 file system, GRUB installed into it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bootkeep.edges.run import run
from bootkeep.lab.chroot import checked, in_chroot
from bootkeep.lab.disk import SECTOR, attached

DISK_LINK = "virtio-BOOTKEEP-LAB-0001"  # its name below /dev/disk/by-id
ROOT_START = 4096  # sectors; the BIOS boot partition lies at 2048
ROOT_PARTITION = 2


def make_disk(root: Path, disk: Path, *, size_bytes: int, uuid: str, script: str) -> None:
    """Write the folder into a new image and run ``script`` in it, with ``$LAB_DISK`` as its disk: it installs the boot loader."""
    with disk.open("wb") as stream:
        stream.truncate(size_bytes)
    table = (
        "label: gpt\n"
        "start=2048,size=2048,type=21686148-6449-6E6F-744E-656564454649\n"  # BIOS boot partition
        f"start={ROOT_START},type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\n"  # Linux root (x86-64)
    )
    checked(run(["sfdisk", "-q", str(disk)], timeout_s=60, input_text=table), "partitioning")
    kib = (size_bytes - ROOT_START * SECTOR - 1024**2) // 1024
    offset = f"offset={ROOT_START * SECTOR}"
    argv = ["mkfs.ext4", "-q", "-d", str(root), "-U", uuid, "-L", "root", "-E", offset, str(disk), f"{kib}k"]
    checked(run(argv, timeout_s=600), "making the root file system")
    with attached(disk) as loop, tempfile.TemporaryDirectory(dir=disk.parent) as mountpoint:
        environment = {
            "LAB_ROOT_DEVICE": loop.partition(ROOT_PARTITION),
            "LAB_DEVICES": loop.nodes,
            "LAB_LINKS": loop.links(uuid, ROOT_PARTITION, DISK_LINK),
            "LAB_DISK": loop.path,
        }
        checked(
            in_chroot(Path(mountpoint), ["sh", "-ec", script], timeout_s=300, environment=environment),
            "installing the boot loader",
        )
