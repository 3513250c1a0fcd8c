"""Digests that are remembered: never for a file that somebody touched, never from a place that is not ours alone."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootkeep.edges import known_digests, runtime_memory
from bootkeep.edges.known_digests import remember_in, sha256_of


def true_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime folder; every file counts as settled, so that the tests need not wait."""
    monkeypatch.setattr(known_digests, "_SETTLED_NS", -1)
    remember_in(tmp_path / "run")
    yield tmp_path / "run"
    runtime_memory.forget()
    known_digests._known.clear()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A file whose change time has a fraction, as on every Linux file system but vfat."""
    path = tmp_path / "vmlinuz"
    for _ in range(5):
        path.write_bytes(b"kernel")
        path.chmod(0o600)
        if path.stat().st_ctime_ns % 1_000_000_000:
            break
        time.sleep(0.01)
    return path


def poison(runtime: Path) -> None:
    """Make every remembered digest wrong: one that is used shows."""
    place = runtime / "known-digests.json"
    entries = json.loads(place.read_bytes())
    assert entries
    place.write_text(json.dumps({name: [*entry[:3], "remembered"] for name, entry in entries.items()}))
    remember_in(runtime)


def test_an_untouched_file_is_not_read_again(runtime: Path, image: Path) -> None:
    assert sha256_of(image) == true_digest(image)
    poison(runtime)
    assert sha256_of(image) == "remembered"
    assert runtime.stat().st_mode & 0o777 == 0o700


def in_place(image: Path) -> None:
    times = image.stat()
    with image.open("r+b") as stream:
        stream.write(b"KERNEL")
    os.utime(image, ns=(times.st_atime_ns, times.st_mtime_ns))  # who hides the time of a change cannot hide this one


def replaced(image: Path) -> None:
    other = image.with_name("new")
    other.write_bytes(b"kernel")
    other.replace(image)


def grown(image: Path) -> None:
    with image.open("ab") as stream:
        stream.write(b"!")


@pytest.mark.parametrize("touch", [in_place, replaced, grown])
def test_a_touched_file_is_read(runtime: Path, image: Path, touch: object) -> None:
    sha256_of(image)
    poison(runtime)
    time.sleep(0.01)  # past the tick in which it was written
    assert callable(touch)
    touch(image)
    assert sha256_of(image) == true_digest(image)


def test_what_changed_a_moment_ago_is_not_remembered(tmp_path: Path, image: Path) -> None:
    remember_in(tmp_path / "run")
    sha256_of(image)
    assert not (tmp_path / "run").exists()


def test_whole_seconds_are_not_trusted(runtime: Path, image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_digests, "_SECOND_NS", 1)  # as if the file system had no fractions
    sha256_of(image)
    assert not runtime.exists()


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"1:2": [1]}', b'{"1:2": "x"}', b"\xff", b"null"])
def test_a_damaged_memory_is_no_memory(runtime: Path, image: Path, content: bytes) -> None:
    sha256_of(image)
    (runtime / "known-digests.json").write_bytes(content)
    remember_in(runtime)
    assert sha256_of(image) == true_digest(image)


def test_a_memory_that_others_may_write_is_not_used(runtime: Path, image: Path) -> None:
    sha256_of(image)
    poison(runtime)
    runtime.chmod(0o777)
    remember_in(runtime)
    assert sha256_of(image) == true_digest(image)
