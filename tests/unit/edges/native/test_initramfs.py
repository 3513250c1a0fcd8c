"""initramfs images, whole and damaged."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootkeep.edges.native import initramfs
from bootkeep.edges.run import run

RELEASE = "6.1.0-56-amd64"


def member(name: str, content: bytes = b"") -> bytes:
    """One member in newc form."""
    raw = name.encode() + b"\0"
    fields = [1, 0o100644, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(raw), 0]
    head = b"070701" + b"".join(f"{field:08X}".encode() for field in fields) + raw
    head += b"\0" * (-len(head) % 4)
    return head + content + b"\0" * (-len(content) % 4)


def archive(*names: str) -> bytes:
    """A whole archive, padded to 512 as cpio(1) does."""
    noise = random.Random(7)
    body = b"".join(member(name, noise.randbytes(3001)) for name in names) + member("TRAILER!!!")
    return body + b"\0" * (-len(body) % 512)


MAIN = archive(
    "init", f"usr/lib/modules/{RELEASE}/kernel/fs/ext4/ext4.ko.xz", f"lib/modules/{RELEASE}/kernel/virtio-blk.ko"
)
MICROCODE = archive("kernel/x86/microcode/GenuineIntel.bin")


def compressed(kind: str, data: bytes, tmp_path: Path) -> bytes:
    if kind == "zstd":
        (tmp_path / "plain").write_bytes(data)
        assert (
            run(["zstd", "-q", "-f", str(tmp_path / "plain"), "-o", str(tmp_path / "packed")], timeout_s=30).exit_code
            == 0
        )
        return (tmp_path / "packed").read_bytes()
    pack: dict[str, Callable[[bytes], bytes]] = {
        "none": bytes,
        "gzip": gzip.compress,
        "bzip2": bz2.compress,
        "xz": lambda text: lzma.compress(text, check=lzma.CHECK_CRC32),
        "lzma": lambda text: lzma.compress(text, format=lzma.FORMAT_ALONE),
    }
    return pack[kind](data)


def look(tmp_path: Path, image: bytes) -> dict[str, Any]:
    (tmp_path / "boot").mkdir(exist_ok=True)
    (tmp_path / "boot/initrd.img").write_bytes(image)
    plain: dict[str, Any] = json.loads(initramfs.answer(tmp_path, "/boot/initrd.img"))
    return plain


KINDS = ("none", "gzip", "zstd", "xz", "bzip2", "lzma")


@pytest.mark.parametrize("early", [b"", MICROCODE], ids=["plain", "microcode"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_image(tmp_path: Path, kind: str, early: bytes) -> None:
    found = look(tmp_path, early + compressed(kind, MAIN, tmp_path))
    assert (found["error"], found["missing_tool"], found["has_init"]) == ("", "", True)
    assert found["modules"] == ["ext4", "virtio_blk"] and found["releases"] == [RELEASE]
    assert found["compression"] == kind and found["entries"] == (4 if early else 3)


@pytest.mark.parametrize("early", [b"", MICROCODE], ids=["plain", "microcode"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_cut_image_is_damaged(tmp_path: Path, kind: str, early: bytes, share: float) -> None:
    main = compressed(kind, MAIN, tmp_path)
    found = look(tmp_path, early + main[: int(len(main) * share)])
    assert found["error"]


@pytest.mark.parametrize("image", [b"", b"\0" * 4096, b"not an archive at all", MICROCODE + b"garbage"])
def test_nothing_and_garbage_are_damaged(tmp_path: Path, image: bytes) -> None:
    assert look(tmp_path, image)["error"]


@pytest.mark.parametrize("kind", ["gzip", "zstd", "xz", "bzip2"])
def test_garbage_in_the_middle_is_damaged(tmp_path: Path, kind: str) -> None:
    main = bytearray(compressed(kind, MAIN, tmp_path))
    main[len(main) // 2 : len(main) // 2 + 64] = bytes(64)
    assert look(tmp_path, bytes(main))["error"]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=600), st.integers(0, len(MICROCODE)))
def test_no_image_crashes_it(tmp_path_factory: pytest.TempPathFactory, tail: bytes, cut: int) -> None:
    found = look(tmp_path_factory.mktemp("image"), MICROCODE[:cut] + tail)
    assert found["error"] or found["entries"]


def test_a_missing_file_is_absent(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        initramfs.answer(tmp_path, "/boot/none")


def test_a_decompressor_that_is_ended_from_outside_says_nothing_about_the_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow machine's deadline, or the kernel that is short of memory: that is no damage (it was once called so)."""
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot/initrd.img").write_bytes(compressed("zstd", MAIN, tmp_path))
    monkeypatch.setitem(initramfs._TOOLS, "zstd", ("sleep", "60"))
    monkeypatch.setattr(initramfs, "_TIMEOUT_S", 0.2)
    with pytest.raises(TimeoutError, match="sleep had not come to the end of it"):
        initramfs.answer(tmp_path, "/boot/initrd.img")
    monkeypatch.setitem(initramfs._TOOLS, "zstd", ("sh", "-c", "kill -9 $$"))
    monkeypatch.setattr(initramfs, "_TIMEOUT_S", 30.0)
    with pytest.raises(OSError, match="sh was ended by signal 9"):
        initramfs.answer(tmp_path, "/boot/initrd.img")
