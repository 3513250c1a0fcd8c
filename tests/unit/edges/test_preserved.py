"""Preserved kernels on the disk: whole or not at all, at no cost where hard links work."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bootkeep.edges import preserved
from bootkeep.edges.known_digests import sha256_of
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


def rewrite(path: Path, content: str) -> None:
    """As dpkg and update-initramfs do it: a new file under the old name."""
    path.with_name("new").write_text(content)
    path.with_name("new").replace(path)


def test_another_build_of_the_same_version_never_passes_for_the_copy(root: Path) -> None:
    """A kernel built by hand twice, or a package made again: the same release and version, other bytes."""
    first = preserve_files(root, kernel(), now=NOW)
    rewrite(root / f"boot/vmlinuz-{RELEASE}", "another build")
    second = preserve_files(root, kernel(), now="later")
    assert second.image_sha256 == sha256_of(root / f"boot/vmlinuz-{RELEASE}")
    assert second.key.startswith(f"{RELEASE}_6.1.76-1")
    assert {record.key for record in preserved_kernels(root)} == {first.key, second.key}
    assert all(is_whole(root, record) for record in preserved_kernels(root))
    assert preserve_files(root, kernel(), now="later still") == second
    rewrite(root / f"boot/vmlinuz-{RELEASE}", "image")
    assert preserve_files(root, kernel(), now="later still") == first


@pytest.mark.parametrize("changed", [f"boot/initrd.img-{RELEASE}", f"usr/lib/modules/{RELEASE}/modules.dep"])
def test_a_copy_is_made_again_only_when_asked(root: Path, changed: str) -> None:
    first = preserve_files(root, kernel(), now=NOW)
    rewrite(root / changed, "changed since")
    assert preserve_files(root, kernel(), now="later") == first
    again = preserve_files(root, kernel(), now="later", refresh=True)
    assert (again.key, again.preserved_at) == (first.key, "later")
    assert is_whole(root, again)
    name = "boot/bootkeep/{0.key}/initrd.img" if "initrd" in changed else "{0.modules_path}/modules.dep"
    assert (root / name.format(again).lstrip("/")).read_text() == "changed since"
    assert preserve_files(root, kernel(), now="still later", refresh=True) == again


def test_what_a_killed_one_left_goes_with_the_next(root: Path) -> None:
    for folder in ("boot/bootkeep/.other_1.draft", "usr/lib/bootkeep/preserved/.other_1.draft"):
        (root / folder).mkdir(parents=True)
        (root / folder / "vmlinuz").write_text("half")
    preserve_files(root, kernel(), now=NOW)
    assert not list(root.rglob("*.draft"))


def hold(root: Path) -> int:
    folder = root / "usr/lib/bootkeep/preserved"
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def test_two_at_the_same_time_wait_for_each_other(root: Path) -> None:
    held = hold(root)
    started = time.monotonic()
    threading.Timer(0.3, os.close, [held]).start()
    record = preserve_files(root, kernel(), now=NOW)
    assert time.monotonic() - started >= 0.3
    assert is_whole(root, record)


def test_one_that_does_not_end_is_not_waited_for_for_ever(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preserved, "_LOCK_WAIT_S", 0.1)
    held = hold(root)
    with pytest.raises(PreserveError, match="at this moment"):
        preserve_files(root, kernel(), now=NOW)
    os.close(held)


def test_two_processes_preserve_the_same_kernel(root: Path) -> None:
    """A highstate and a hook: neither may take the other's draft away."""
    children = []
    for number in range(4):
        child = os.fork()
        if child == 0:
            try:
                record = preserve_files(root, kernel(), now=f"{number}")
                os._exit(0 if is_whole(root, record) else 1)
            except BaseException:  # noqa: BLE001 - a child must not come back into the test runner
                os._exit(2)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    assert not list(root.rglob("*.draft"))


def test_a_kernel_without_a_package_is_copied(root: Path) -> None:
    """Whoever builds one by hand may sign or overwrite it in place, and a second name would change with it."""
    record = preserve_files(root, replace(kernel(), package=""), now=NOW)
    (root / f"boot/vmlinuz-{RELEASE}").write_text("overwritten in place")
    assert is_whole(root, record)


def test_a_removal_that_fails_says_so(root: Path) -> None:
    record = preserve_files(root, kernel(), now=NOW)
    modules = root / "usr/lib/bootkeep/preserved"
    modules.rename(modules.with_name("kept"))
    modules.write_text("a file in its place")
    with pytest.raises(PreserveError, match="could not be removed"):
        remove_preserved(root, record.key)
    assert preserved_kernels(root) == (record,)
