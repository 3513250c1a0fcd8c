"""Whether the image in /boot is the kernel that runs. (The healthy boot itself: tests/packages/test_boot_files.py.)"""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from bootkeep.flows.last_good import NotHealthy, running_image

RELEASE = "6.1.0-18-amd64"
BUILDER = "(debian-kernel@lists.debian.org)"
BUILD = "#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)"
PROC_VERSION = f"Linux version {RELEASE} {BUILDER} (gcc-12 (Debian 12.2.0-14) 12.2.0, GNU ld 2.40) {BUILD}\n"


def bzimage(text: str) -> bytes:
    """A kernel's first kilobytes as the x86 boot protocol lays them out, with this version text."""
    head = bytearray(0x1000)
    head[0x1F1] = 4
    struct.pack_into("<I", head, 0x1F4, 16)
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x20E, 0x400 - 0x200)
    head[0x400 : 0x400 + len(text) + 1] = text.encode() + b"\0"
    return bytes(head)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "boot").mkdir()
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/version").write_text(PROC_VERSION)
    (tmp_path / "proc/cmdline").write_text("root=x\n")
    info = tmp_path / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    (info / "odd.list").write_text(f"/boot/vmlinuz-{RELEASE}\n")
    return tmp_path


def put(root: Path, image: bytes, version: str = "6.1.76-1") -> None:
    (root / f"boot/vmlinuz-{RELEASE}").write_bytes(image)
    (root / "var/lib/dpkg/status").write_text(
        f"Package: odd\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n"
    )


def test_the_packaged_image_that_runs(root: Path) -> None:
    put(root, bzimage(f"{RELEASE} {BUILDER} {BUILD}"))
    assert running_image(root, RELEASE) == ("6.1.76-1", f"/boot/vmlinuz-{RELEASE}")


def test_an_image_that_was_replaced_in_place_proves_nothing(root: Path) -> None:
    put(root, bzimage(f"{RELEASE} {BUILDER} #1 SMP PREEMPT_DYNAMIC Debian 6.1.90-1 (2024-05-03)"), "6.1.90-1")
    with pytest.raises(NotHealthy, match="was replaced since this boot"):
        running_image(root, RELEASE)


def test_without_a_header_the_package_version_is_compared(root: Path) -> None:
    put(root, b"no header")
    assert running_image(root, RELEASE)[0] == "6.1.76-1"
    put(root, b"no header", "6.1.90-1")
    with pytest.raises(NotHealthy, match=r"is 6\.1\.90-1, but 6\.1\.76-1 runs"):
        running_image(root, RELEASE)


def test_a_preserved_kernel_that_runs_is_itself(root: Path) -> None:
    put(root, bzimage(f"{RELEASE} {BUILDER} other"))
    (root / "proc/cmdline").write_text(f"root=x bootkeep.preserved={RELEASE}_6.1.76-1\n")
    with pytest.raises(NotHealthy, match="its copy is gone"):
        running_image(root, RELEASE)
