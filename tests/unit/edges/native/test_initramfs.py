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

from bootkeep.edges.native import initramfs, initramfs_streams
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


#: What follows a whole image, and whether the kernel reads it to its end. Each was given to Linux 6.1.176 (User-mode Linux,
#: ``initrd=``), in every compression below: a refusal says ``Initramfs unpacking failed``.
LATE = archive("late")
FOLLOWED: dict[str, tuple[Callable[[bytes, Path], bytes], bool, int]] = {
    "an archive at a multiple of 4": (lambda whole, _: whole + bytes(-len(whole) % 4 + 512) + LATE, True, 4),
    "the same compression": (lambda whole, there: whole + bytes(8) + whole, True, 6),
    "gzip": (lambda whole, _: whole + bytes(8) + gzip.compress(LATE), True, 4),
    "zeros": (lambda whole, _: whole + bytes(1001), True, 3),
    "one zero": (lambda whole, _: whole + bytes(1), True, 3),
    "an archive elsewhere": (lambda whole, _: whole + bytes(-len(whole) % 4 + 9) + LATE, False, 0),
    "junk": (lambda whole, _: whole + bytes(8) + b"junk", False, 0),
    "junk without padding": (lambda whole, _: whole + b"junkjunk", False, 0),
    "an old archive": (lambda whole, _: whole + bytes(-len(whole) % 4 + 4) + b"070707" + bytes(200), False, 0),
    "a cut stream": (lambda whole, _: whole + bytes(8) + gzip.compress(LATE)[:-20], False, 0),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("follows", FOLLOWED)
def test_what_is_appended_is_read_as_the_kernel_reads_it(tmp_path: Path, kind: str, follows: str) -> None:
    append, whole, entries = FOLLOWED[follows]
    found = look(tmp_path, append(compressed(kind, MAIN, tmp_path), tmp_path))
    assert bool(found["error"]) is not whole, found["error"]
    if whole:
        assert (found["entries"], found["missing_tool"], found["has_init"]) == (entries, "", True)
        assert found["compression"] == ("gzip" if (kind, follows) == ("none", "gzip") else kind)


@pytest.mark.parametrize("kind", ["gzip", "zstd", "xz", "bzip2", "lzma"])
def test_streams_that_the_kernel_refuses_although_their_tools_read_them(tmp_path: Path, kind: str) -> None:
    """``junk at the end of compressed archive``: an archive may not go on in a second stream, nor may the first be empty."""
    half = len(MAIN) // 2
    apart = compressed(kind, MAIN[:half], tmp_path) + compressed(kind, MAIN[half:], tmp_path)
    assert "ends inside" in look(tmp_path, apart)["error"]
    assert "empty" in look(tmp_path, compressed(kind, b"", tmp_path) + compressed(kind, MAIN, tmp_path))["error"]
    assert not look(tmp_path, compressed(kind, MAIN, tmp_path) + compressed(kind, b"", tmp_path))["error"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_inside_a_stream_begins_at_a_multiple_of_4(tmp_path: Path, kind: str) -> None:
    """``broken padding``."""
    inside = member("init") + member("TRAILER!!!")
    assert not look(tmp_path, compressed(kind, inside + bytes(4) + LATE, tmp_path))["error"]
    assert "multiple of 4" in look(tmp_path, compressed(kind, inside + bytes(2) + LATE, tmp_path))["error"]


def test_headers_that_the_kernel_does_not_read(tmp_path: Path) -> None:
    """``uncompression error`` and ``Input was encoded with settings that are not supported``; zcat and xz read both."""
    packed = gzip.compress(MAIN)
    named = packed[:3] + b"\x08" + packed[4:10] + b"name\0" + packed[10:]
    assert not look(tmp_path, named)["error"]
    extra = packed[:3] + b"\x04" + packed[4:10] + b"\2\0ab" + packed[10:]
    assert gzip.decompress(extra) == MAIN and "header" in look(tmp_path, extra)["error"]
    assert "--check=crc32" in look(tmp_path, lzma.compress(MAIN))["error"]
    assert not look(tmp_path, lzma.compress(MAIN, check=lzma.CHECK_NONE))["error"]


def legacy_lz4(*blocks: bytes) -> bytes:
    """The form of ``lz4 -l``, with nothing compressed: each block is one run of literals."""
    packed = b"\x02\x21\x4c\x18"
    for block in blocks:
        more, rest = divmod(len(block) - 15, 255)
        run_of_literals = b"\xf0" + b"\xff" * more + bytes([rest]) + block
        packed += len(run_of_literals).to_bytes(4, "little") + run_of_literals
    return packed


def test_an_lz4_stream_ends_at_a_size_of_zero_only(tmp_path: Path) -> None:
    """It has no end mark: without 4 zero bytes the kernel takes what follows for a block, and says ``Decoding failed``."""
    whole = legacy_lz4(MAIN[:6000], MAIN[6000:])
    packed = tmp_path / "packed"
    for tail, end in ((b"", 0), (bytes(4), 4), (bytes(900) + LATE, 900 + len(LATE)), (LATE, None), (whole, len(whole))):
        packed.write_bytes(b"early" + whole + tail)
        with packed.open("rb") as stream:
            found = initramfs_streams.end_of("lz4", stream.fileno(), 5, packed.stat().st_size)
        wanted = None if end is None else 5 + len(whole) + (end if tail == whole else 0)
        assert found == wanted


@settings(max_examples=80, deadline=None)
@given(
    parts=st.lists(st.sampled_from(["none", "gzip", "xz", "bzip2", "lzma"]), min_size=1, max_size=5),
    paddings=st.lists(st.integers(0, 700), min_size=5, max_size=5),
    data=st.data(),
)
def test_any_row_of_parts_is_read_to_its_end_and_any_cut_is_seen(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], paddings: list[int], data: st.DataObject
) -> None:
    there = tmp_path_factory.mktemp("row")
    image, ends = b"", []
    for number, (kind, padding) in enumerate(zip(parts, paddings, strict=False)):
        image += bytes(-len(image) % 4) + bytes(padding // 4 * 4)
        image += compressed(kind, archive(f"part{number}", "init"), there)
        ends.append(len(image))
    found = look(there, image)
    assert (found["error"], found["entries"], found["archives"]) == ("", 2 * len(parts), len(parts))
    starts = [0, *ends[:-1]]
    cut = data.draw(st.integers(1, len(image) - 1))
    #: A cut within the zeros between two parts leaves a whole image of fewer parts; zeros at an archive's own end are padding.
    left = image[:cut]
    inside = next(start for start, end in zip(starts, ends, strict=True) if cut <= end)
    if left[inside:].strip(b"\0") and left.rstrip(b"\0") != image[: ends[starts.index(inside)]].rstrip(b"\0"):
        assert look(there, left)["error"]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["gzip", "xz", "bzip2", "lzma"]))
def test_nothing_that_is_appended_crashes_it(tmp_path_factory: pytest.TempPathFactory, tail: bytes, kind: str) -> None:
    there = tmp_path_factory.mktemp("tail")
    found = look(there, compressed(kind, MAIN, there) + tail)
    rest = tail.lstrip(b"\0")
    if not initramfs.compression_of(rest) and not rest.startswith((b"070701", b"070702")):
        assert bool(found["error"]) is bool(rest)


def test_a_huge_sparse_image_is_passed_over_in_no_time(tmp_path: Path) -> None:
    """Holes are zeros to the kernel too. A terabyte of them was once read."""
    (tmp_path / "boot").mkdir()
    with (tmp_path / "boot/initrd.img").open("wb") as stream:
        stream.write(gzip.compress(MAIN))
        stream.truncate(1 << 40)
    found = json.loads(initramfs.answer(tmp_path, "/boot/initrd.img"))
    assert (found["error"], found["entries"]) == ("", 3)
