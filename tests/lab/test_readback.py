"""B19 and B20 on real file systems: loop images, the kernel's drivers, and GRUB's own driver."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bootkeep.edges.flush import flush, why_not_frozen
from bootkeep.edges.freeze import FIFREEZE, FITHAW, freeze_and_thaw
from bootkeep.edges.mount_table import MountRow
from bootkeep.edges.native.loader_sees import answer
from bootkeep.edges.run import run
from bootkeep.facts.codec import from_json
from bootkeep.facts.loader_sight import LoaderSight

pytestmark = pytest.mark.lab

MKFS = {
    "ext4": ("mkfs.ext4", "-q", "-F"),
    "xfs": ("mkfs.xfs", "-q", "-f"),
    "btrfs": ("mkfs.btrfs", "-q", "-f"),
}
Made = Callable[..., Path]


def ok(*argv: str) -> str:
    done = run(argv, timeout_s=60)
    assert done.exit_code == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    """A root whose /boot is a file system of its own, in a loop image that is gone after the test."""
    undo: list[tuple[str, ...]] = []

    def make(kind: str, *options: str) -> Path:
        image, root = tmp_path / "boot.img", tmp_path / "root"
        with image.open("wb") as stream:
            stream.truncate(400 << 20)
        ok(*MKFS[kind], *options, str(image))
        device = ok("losetup", "-f", "--show", str(image))
        undo.append(("losetup", "-d", device))
        (root / "boot").mkdir(parents=True)
        ok("mount", device, str(root / "boot"))
        undo.append(("umount", str(root / "boot")))
        (root / "boot/grub").mkdir()
        (root / "boot/grub/grub.cfg").write_text("old menu\n")
        (root / "boot/vmlinuz").write_bytes(os.urandom(3 << 20))
        ok("umount", str(root / "boot"))
        ok("mount", device, str(root / "boot"))
        return root

    yield make
    for argv in reversed(undo):
        ok(*argv)


def seen(root: Path, path: str) -> LoaderSight:
    return from_json(LoaderSight, answer(root, path), where=path)


@pytest.mark.parametrize("kind", list(MKFS))
def test_both_see_the_same_after_a_flush(made: Made, kind: str) -> None:
    root = made(kind)
    (root / "boot/grub/grub.cfg").write_text("a new menu\n")
    (flushed,) = flush(root)
    assert flushed.frozen == (kind != "btrfs"), flushed
    for path in ("/boot/grub/grub.cfg", "/boot/vmlinuz"):
        sight = seen(root, path)
        assert sight.same and sight.loader_size_bytes == sight.size_bytes, sight
        assert sight.loader_path == path.removeprefix("/boot")


def test_on_xfs_sync_leaves_the_change_in_the_journal_and_a_freeze_does_not(made: Made) -> None:
    """The reason for the freeze: GRUB replays no journal."""
    root = made("xfs")
    assert seen(root, "/boot/grub/grub.cfg").same
    new = root / "boot/grub/grub.cfg.new"
    new.write_text("a new menu\n")
    new.rename(root / "boot/grub/grub.cfg")
    (root / "boot/vmlinuz-new").write_bytes(b"kernel")
    ok("sync")
    menu, kernel = seen(root, "/boot/grub/grub.cfg"), seen(root, "/boot/vmlinuz-new")
    assert not menu.same and menu.loader_size_bytes == len("old menu\n")
    assert "not found" in kernel.complaint and not kernel.same
    assert flush(root)[0].frozen
    assert seen(root, "/boot/grub/grub.cfg").same and seen(root, "/boot/vmlinuz-new").same


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_a_device_that_was_changed_behind_the_file_system(made: Made, kind: str, tmp_path: Path) -> None:
    root = made(kind)
    content = (root / "boot/vmlinuz").read_bytes()  # now in the page cache: the kernel goes on showing the good one
    flush(root)
    with (tmp_path / "boot.img").open("r+b") as stream, mmap.mmap(stream.fileno(), 0) as image:
        place = image.find(content[:4096])
        assert place > 0
        image[place + 77] ^= 1
    flush(root)
    sight = seen(root, "/boot/vmlinuz")
    assert not sight.same and not sight.complaint and sight.loader_size_bytes == sight.size_bytes


@pytest.mark.parametrize("feature", ["inline_data", "bigalloc"])
def test_ext4_features_that_grub_cannot_read(made: Made, feature: str) -> None:
    root = made("ext4", "-O", feature)
    flush(root)
    sight = seen(root, "/boot/grub/grub.cfg")
    assert "unknown filesystem" in sight.complaint and not sight.same


@pytest.mark.parametrize("feature", ["metadata_csum_seed", "orphan_file", "large_dir"])
def test_ext4_features_that_a_list_would_get_wrong(made: Made, feature: str) -> None:
    """Debian's GRUB is patched: asking it gives no false alarm where a list of features would."""
    root = made("ext4", "-O", feature)
    flush(root)
    assert seen(root, "/boot/vmlinuz").same


def test_a_btrfs_subvolume_is_named_as_grub_names_it(made: Made, tmp_path: Path) -> None:
    root = made("btrfs")
    ok("btrfs", "subvolume", "create", str(root / "boot/@kernels"))
    (root / "boot/@kernels/vmlinuz").write_bytes(b"kernel")
    other = tmp_path / "other"
    (other / "boot").mkdir(parents=True)
    device = ok("findmnt", "-no", "SOURCE", str(root / "boot"))
    ok("mount", "-o", "subvol=@kernels", device, str(other / "boot"))
    try:
        flush(other)
        sight = seen(other, "/boot/vmlinuz")
    finally:
        ok("umount", str(other / "boot"))
    assert sight.same and sight.loader_path == "/@kernels/vmlinuz"


def test_no_block_device_and_no_such_file(tmp_path: Path) -> None:
    (tmp_path / "boot").mkdir()
    ok("mount", "-t", "tmpfs", "none", str(tmp_path / "boot"))
    try:
        (tmp_path / "boot/vmlinuz").write_bytes(b"kernel")
        assert "no block device" in seen(tmp_path, "/boot/vmlinuz").unknown
        with pytest.raises(FileNotFoundError):
            answer(tmp_path, "/boot/none")
        assert not flush(tmp_path)[0].frozen
    finally:
        ok("umount", str(tmp_path / "boot"))


#: Probes that wait in the kernel: they end with the thaw.
_waiting: list[int] = []


@pytest.fixture(autouse=True)
def no_probe_left() -> Iterator[None]:
    yield
    while _waiting:
        os.waitpid(_waiting.pop(), 0)


def writable(folder: Path) -> bool:
    """Whether it is thawed: a write to a frozen file system waits for ever, so a child tries it."""
    pid = os.fork()
    if pid == 0:
        try:
            (folder / "probe").touch()
        finally:
            os._exit(0)
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return True
        time.sleep(0.02)
    _waiting.append(pid)
    return False


def frozen_by_child(folder: Path, *, watch_s: float) -> int:
    """A process that freezes and would never thaw."""
    pid = os.fork()
    if pid == 0:
        try:
            freeze_and_thaw(str(folder), watch_s=watch_s, hold=lambda: time.sleep(600))
        finally:
            os._exit(1)
    until = time.monotonic() + 5
    while writable(folder) and time.monotonic() < until:
        time.sleep(0.05)
    return pid


def test_a_freezer_that_is_killed_leaves_nothing_frozen(made: Made) -> None:
    folder = made("ext4") / "boot"
    pid = frozen_by_child(folder, watch_s=60)
    assert not writable(folder)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    until = time.monotonic() + 10
    while not writable(folder) and time.monotonic() < until:
        time.sleep(0.1)
    assert writable(folder)


def test_a_freezer_that_stops_is_overruled_after_its_time(made: Made) -> None:
    folder = made("xfs") / "boot"
    pid = frozen_by_child(folder, watch_s=2.5)
    try:
        until = time.monotonic() + 15
        while not writable(folder) and time.monotonic() < until:
            time.sleep(0.1)
        assert writable(folder)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_what_somebody_else_froze_stays_frozen(made: Made) -> None:
    folder = made("ext4") / "boot"
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.ioctl(descriptor, FIFREEZE, 0)
    try:
        with pytest.raises(OSError) as refused:
            freeze_and_thaw(str(folder), watch_s=1)
        assert refused.value.errno == errno.EBUSY
        time.sleep(1.5)
        assert not writable(folder)
    finally:
        fcntl.ioctl(descriptor, FITHAW, 0)
        os.close(descriptor)
    assert writable(folder)


def test_what_is_never_frozen() -> None:
    boot = Path("/boot")
    own = MountRow("8:1", "/", "/boot", "ext4", "/dev/sda1", False)
    root = MountRow("8:2", "/", "/", "ext4", "/dev/sda2", False)
    assert not why_not_frozen(own, boot, (root, own))
    assert "root file system" in why_not_frozen(root, boot, (root,))
    again = MountRow("8:1", "/data", "/srv", "ext4", "/dev/sda1", False)
    assert "/srv" in why_not_frozen(own, boot, (root, own, again))
    assert "btrfs" in why_not_frozen(MountRow("0:5", "/", "/boot", "btrfs", "/dev/sda1", False), boot, (root,))
    assert "read-only" in why_not_frozen(MountRow("8:1", "/", "/boot", "xfs", "/dev/sda1", True), boot, (root,))
