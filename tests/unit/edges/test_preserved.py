"""Preserved kernels on the disk: whole or not at all, at no cost where hard links work."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bootkeep.edges.preserved import (
    KernelFiles,
    PreserveError,
    is_whole,
    preserve_files,
    preserved_kernels,
    remove_preserved,
)

NOW = "2026-11-23T17:00:00Z"
RELEASE = "6.1.0-18-amd64"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, content in {
        f"boot/vmlinuz-{RELEASE}": "image",
        f"boot/initrd.img-{RELEASE}": "initramfs",
        f"usr/lib/modules/{RELEASE}/kernel/fs/ext4.ko": "ext4",
        f"usr/lib/modules/{RELEASE}/modules.dep": "index",
        f"usr/lib/modules/{RELEASE}/updates/dkms/zfs.ko": "zfs",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    (tmp_path / f"usr/lib/modules/{RELEASE}/build").symlink_to("/usr/src/x")
    return tmp_path


def kernel(version: str = "6.1.76-1") -> KernelFiles:
    boot = f"/boot/vmlinuz-{RELEASE}"
    return KernelFiles(RELEASE, boot, f"/boot/initrd.img-{RELEASE}", f"/usr/lib/modules/{RELEASE}", "p", version)


def test_the_key_is_one_word_everywhere() -> None:
    assert kernel("1:6.1.76-1+deb12u1~x").key == f"{RELEASE}_1-6.1.76-1+deb12u1~x"
    assert kernel("a/b_c d").key == f"{RELEASE}_a-b-c-d"


def test_hard_links_where_replaced_by_rename_copies_where_written_in_place(root: Path) -> None:
    record = preserve_files(root, kernel(), now=NOW)
    assert preserved_kernels(root) == (record,)
    assert is_whole(root, record)
    boot, modules = root / "boot/bootkeep" / record.key, root / record.modules_path[1:]
    assert (boot / "vmlinuz").samefile(root / f"boot/vmlinuz-{RELEASE}")
    assert not (boot / "initrd.img").samefile(root / f"boot/initrd.img-{RELEASE}")
    assert (modules / "kernel/fs/ext4.ko").samefile(root / f"usr/lib/modules/{RELEASE}/kernel/fs/ext4.ko")
    assert not (modules / "updates/dkms/zfs.ko").samefile(root / f"usr/lib/modules/{RELEASE}/updates/dkms/zfs.ko")
    assert os.readlink(modules / "build") == "/usr/src/x"
    assert not list(root.rglob("*.draft"))


def test_a_second_time_does_nothing(root: Path) -> None:
    first = preserve_files(root, kernel(), now=NOW)
    inode = (root / "boot/bootkeep" / first.key / "initrd.img").stat().st_ino
    assert preserve_files(root, kernel(), now="later") == first
    assert (root / "boot/bootkeep" / first.key / "initrd.img").stat().st_ino == inode


@pytest.mark.parametrize("file", ["vmlinuz", "initrd.img", "kernel.json"])
def test_a_damaged_copy_is_not_whole_and_is_made_again(root: Path, file: str) -> None:
    record = preserve_files(root, kernel(), now=NOW)
    damaged = root / "boot/bootkeep" / record.key / file
    damaged.unlink()
    damaged.write_text("{")
    assert file == "kernel.json" or not is_whole(root, record)
    again = preserve_files(root, kernel(), now="later")
    assert is_whole(root, again)
    assert not list(root.rglob("*.draft"))


def test_where_links_are_refused_everything_is_copied(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_more: object) -> None:
        raise OSError(errno.EPERM, "vfat has no hard links")

    monkeypatch.setattr(os, "link", refuse)
    record = preserve_files(root, kernel(), now=NOW)
    assert is_whole(root, record)
    assert not (root / "boot/bootkeep" / record.key / "vmlinuz").samefile(root / f"boot/vmlinuz-{RELEASE}")


@pytest.mark.parametrize("missing", [f"boot/vmlinuz-{RELEASE}", f"boot/initrd.img-{RELEASE}"])
def test_a_missing_file_leaves_no_draft(root: Path, missing: str) -> None:
    (root / missing).unlink()
    with pytest.raises(PreserveError, match="could not be preserved"):
        preserve_files(root, kernel(), now=NOW)
    assert preserved_kernels(root) == ()
    assert not list(root.rglob("*.draft"))
    assert not list((root / "usr/lib/bootkeep/preserved").iterdir())


def test_removal_takes_both_halves(root: Path) -> None:
    record = preserve_files(root, kernel(), now=NOW)
    remove_preserved(root, record.key)
    assert preserved_kernels(root) == ()
    assert not (root / "usr/lib/bootkeep/preserved" / record.key).exists()
    assert (root / f"boot/vmlinuz-{RELEASE}").read_text() == "image"


@pytest.mark.parametrize("key", ["", "..", "../x", "a/b", ".hidden"])
def test_a_key_cannot_lead_elsewhere(root: Path, key: str) -> None:
    with pytest.raises(PreserveError):
        remove_preserved(root, key)
