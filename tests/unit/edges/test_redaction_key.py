"""The host's key for pseudonyms: one for ever, private, and never trusted when somebody else could have made it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bootkeep.edges.redaction_key import NAME, fingerprint, host_mask, make_key, read_key, store_mask
from bootkeep.facts.redaction import MASK


def test_it_is_made_once_and_private(tmp_path: Path) -> None:
    root = tmp_path / "store"
    key = make_key(root)
    assert key is not None and len(key) == 32
    assert make_key(root) == key == read_key(root)
    assert (root / NAME).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in root.iterdir()] == [NAME]
    assert make_key(tmp_path / "other") != key


def test_of_many_makers_one_wins(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(make_key, [tmp_path] * 16))
    assert len(keys - {None}) == 1


@pytest.mark.parametrize("damage", ["open", "short", "link"])
def test_a_key_that_is_not_ours_alone_is_not_used(tmp_path: Path, damage: str) -> None:
    make_key(tmp_path)
    path = tmp_path / NAME
    if damage == "open":
        path.chmod(0o644)
    elif damage == "short":
        path.write_bytes(b"short")
    else:
        elsewhere = tmp_path / "elsewhere"
        path.rename(elsewhere)
        path.symlink_to(elsewhere)
    assert read_key(tmp_path) is None
    assert store_mask(tmp_path)("hunter2") == MASK


def test_a_store_that_cannot_be_written_still_hides(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert store_mask(blocked)("hunter2") == MASK


def test_looking_at_a_host_makes_no_key(tmp_path: Path) -> None:
    assert host_mask(tmp_path)("hunter2") == MASK
    assert not os.listdir(tmp_path)


def test_a_fingerprint_needs_the_key() -> None:
    assert fingerprint(None, b"x") == ""
    assert fingerprint(b"1" * 32, b"x") != fingerprint(b"2" * 32, b"x")
