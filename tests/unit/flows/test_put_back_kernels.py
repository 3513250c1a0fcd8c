"""A kernel whose package went away: put back whole, listed as bootkeep's, cleaned when needless, never before."""

from __future__ import annotations

import hashlib
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from bootkeep.edges.known_digests import sha256_of
from bootkeep.edges.preserved import PreserveError, preserved_kernels, put_back_record
from bootkeep.edges.run import run
from bootkeep.edges.store import Store
from bootkeep.facts.kernel import LastGood
from bootkeep.flows.preserve import clean_preserved, list_preserved, preserve_kernel, unpreserve
from bootkeep.flows.put_back_kernels import clean_put_back, kept_by_bootkeep, remove_by_hand
from bootkeep.flows.reconcile import put_back

OLD, NEW, NEWEST = "6.1.0-54-amd64", "6.1.0-55-amd64", "6.1.0-56-amd64"
BESIDE = ("System.map-{}", "config-{}", ".vmlinuz-{}.hmac")


def image(release: str) -> bytes:
    """An image's head by the x86 boot protocol: what tells a kernel from any other file in /boot."""
    content = bytearray(2560)
    content[0x1F1] = 4
    content[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", content, 0x20E, 0x100)
    content[0x300 : 0x300 + len(release) + 1] = release.encode() + b"\0"
    return bytes(content)


def add(root: Path, release: str) -> None:
    """A packaged kernel."""
    boot, info = root / "boot", root / "var/lib/dpkg/info"
    names = (f"vmlinuz-{release}", f"initrd.img-{release}", *(name.format(release) for name in BESIDE))
    for name in names:
        (boot / name).write_text(f"{name} as packaged")
    (boot / f"vmlinuz-{release}").write_bytes(image(release))
    tree = root / "usr/lib/modules" / release
    (tree / "kernel/net").mkdir(parents=True)
    (tree / "kernel/net/x.ko").write_text(f"x of {release}")
    (tree / "modules.dep").write_text("kernel/net/x.ko:\n")
    (tree / "modules.builtin").write_text("")
    (info / f"image-{release}.list").write_text(
        f"/.\n/boot/vmlinuz-{release}\n/usr/lib/modules/{release}/kernel/net/x.ko\n"
    )
    _status(root)


def purge(root: Path, release: str) -> None:
    """What the removal of its package leaves."""
    for path in (root / "boot").glob(f"*{release}*"):
        path.unlink()
    (root / f"boot/.vmlinuz-{release}.hmac").unlink(missing_ok=True)
    shutil.rmtree(root / "usr/lib/modules" / release)
    (root / f"var/lib/dpkg/info/image-{release}.list").unlink()
    _status(root)


def _status(root: Path) -> None:
    names = sorted(path.stem for path in (root / "var/lib/dpkg/info").glob("*.list"))
    text = "\n".join(f"Package: {n}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n" for n in names)
    (root / "var/lib/dpkg/status").write_text(text)


def kernel(root: Path, release: str) -> dict[str, str]:
    """Digests of everything of a kernel, by path."""
    paths = [path for path in (root / "boot").iterdir() if release in path.name and path.is_file()]
    paths += [path for path in (root / "usr/lib/modules" / release).rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(paths)}


def menu(root: Path, default: str) -> None:
    entries = "".join(
        f"menuentry '{one}' {{\n\tlinux /boot/vmlinuz-{one} root=UUID=3 ro\n}}\n" for one in (OLD, NEW, NEWEST)
    )
    (root / "boot/grub/grub.cfg").write_text(f'set default="{default}"\n{entries}')


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two kernels; the old one was preserved, its package removed, its files put back. The new one is proven and the default."""
    (tmp_path / "boot/grub").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/info").mkdir(parents=True)
    menu(tmp_path, "1")
    add(tmp_path, OLD)
    record = preserve_kernel(tmp_path, OLD)
    add(tmp_path, NEW)
    purge(tmp_path, OLD)
    assert put_back(tmp_path, record)
    good(tmp_path, NEW)
    return tmp_path


def store(root: Path) -> Store:
    return Store(root / "var/lib/bootkeep")


def good(root: Path, release: str) -> LastGood:
    record = LastGood(release, "1", sha256_of(root / f"boot/vmlinuz-{release}"), "b", "2026-11-23T17:00:00Z")
    store(root).save_last_good(record)
    return record


def clean(root: Path) -> tuple[str, ...]:
    """As a healthy boot does it."""
    found = store(root).last_good()
    assert isinstance(found, LastGood)
    return (*clean_put_back(root, store(root), minimum=2), *clean_preserved(root, found))


def test_everything_of_it_comes_back(tmp_path: Path) -> None:
    (tmp_path / "boot/grub").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/info").mkdir(parents=True)
    menu(tmp_path, "0")
    add(tmp_path, OLD)
    before = kernel(tmp_path, OLD)
    assert {f"boot/{name.format(OLD)}" for name in BESIDE} <= set(before)
    record = preserve_kernel(tmp_path, OLD)
    purge(tmp_path, OLD)
    assert kernel(tmp_path, OLD) == {}
    said = put_back(tmp_path, record)
    assert kernel(tmp_path, OLD) == before
    assert f"/boot/System.map-{OLD} had vanished and was put back" in said
    assert put_back(tmp_path, record) == []


def test_it_is_listed_as_kept_by_bootkeep_with_the_reason(root: Path) -> None:
    (item,) = list_preserved(root)
    assert item.put_back
    (kept,) = kept_by_bootkeep(root, store(root), minimum=2)
    assert kept.record.release == OLD
    assert kept.needed == ("beside it there is 1 that can boot, of at least 2",)
    assert set(kept.files.boot) == {f"/boot/{path.name}" for path in (root / "boot").iterdir() if OLD in path.name}


def test_the_last_but_one_stays_and_goes_when_there_is_another(root: Path) -> None:
    before = kernel(root, OLD)
    assert clean(root) == () and kernel(root, OLD) == before
    add(root, NEWEST)
    record = preserved_kernels(root)[0]
    assert clean(root) == (OLD, record.key)
    assert kernel(root, OLD) == {}
    assert not (root / "usr/lib/modules" / OLD).exists()
    assert preserved_kernels(root) == ()
    assert set(kernel(root, NEW)) and set(kernel(root, NEWEST))
    assert clean(root) == ()


def test_a_kernel_without_an_initramfs_does_not_count(root: Path) -> None:
    add(root, NEWEST)
    (root / f"boot/initrd.img-{NEWEST}").unlink()
    assert clean(root) == ()
    assert kernel(root, OLD)


def test_an_image_that_is_cut_does_not_count(root: Path) -> None:
    add(root, NEWEST)
    (root / f"boot/vmlinuz-{NEWEST}").write_bytes(image(NEWEST)[:1024])
    assert clean(root) == ()
    assert kernel(root, OLD)


def _runs(root: Path) -> None:
    (root / "proc/sys/kernel").mkdir(parents=True)
    (root / "proc/sys/kernel/osrelease").write_text(f"{OLD}\n")


def _is_good(root: Path) -> None:
    good(root, OLD)


def _is_default(root: Path) -> None:
    menu(root, "0")


def _is_named(root: Path) -> None:
    done = run(["grub-editenv", str(root / "boot/grub/grubenv"), "set", f"next_entry={OLD}"], timeout_s=10)
    assert done.exit_code == 0, done.stderr


def _nothing_is_proven(root: Path) -> None:
    (root / "var/lib/bootkeep/last-good.json").unlink()


@pytest.mark.parametrize(
    ("arrange", "why"),
    [
        (_runs, "it is the one that runs"),
        (_is_good, "it is the last-good kernel"),
        (_is_default, "the boot loader starts it by itself"),
        (_is_named, "GRUB's environment block names it"),
        (_nothing_is_proven, "no kernel is on record as last-good"),
    ],
)
def test_by_identity_it_stays_however_many_there_are(root: Path, arrange: Callable[[Path], None], why: str) -> None:
    add(root, NEWEST)
    before = kernel(root, OLD)
    arrange(root)
    (kept,) = kept_by_bootkeep(root, store(root), minimum=2)
    assert kept.needed == (why,)
    assert clean_put_back(root, store(root), minimum=2) == ()
    with pytest.raises(PreserveError, match=why):
        remove_by_hand(root, store(root), kept.record.key)
    assert kernel(root, OLD) == before


def test_a_package_that_came_back_owns_it_again(root: Path) -> None:
    add(root, NEWEST)
    (root / f"var/lib/dpkg/info/image-{OLD}.list").write_text(f"/.\n/boot/vmlinuz-{OLD}\n")
    _status(root)
    assert kept_by_bootkeep(root, store(root), minimum=2) == ()
    before = kernel(root, OLD)
    key = preserved_kernels(root)[0].key
    assert clean_put_back(root, store(root), minimum=2) == ()
    assert kernel(root, OLD) == before
    assert put_back_record(root, key) is None


def test_another_build_in_its_place_is_somebody_elses(root: Path) -> None:
    add(root, NEWEST)
    (root / f"boot/vmlinuz-{OLD}").write_text("built by hand")
    before = kernel(root, OLD)
    clean_put_back(root, store(root), minimum=2)
    assert kernel(root, OLD) == before


def test_what_somebody_put_into_its_tree_stays(root: Path) -> None:
    add(root, NEWEST)
    mine = root / f"usr/lib/modules/{OLD}/updates/mine.ko"
    mine.parent.mkdir()
    mine.write_text("mine")
    assert OLD in clean(root)
    assert mine.read_text() == "mine"
    assert not (root / f"usr/lib/modules/{OLD}/kernel").exists()


@pytest.mark.parametrize("stopped_after", range(5))
def test_stopped_half_way_it_is_done_to_its_end_the_next_time(root: Path, stopped_after: int) -> None:
    """The record of it and the copy go last: so whatever is left after a kill still belongs to somebody."""
    add(root, NEWEST)
    (kept,) = kept_by_bootkeep(root, store(root), minimum=2)
    order = [f"/boot/vmlinuz-{OLD}", *(path for path in kept.files.boot if "vmlinuz-" not in path)]
    for path in order[:stopped_after]:
        (root / path.lstrip("/")).unlink()
    assert OLD in clean(root)
    assert kernel(root, OLD) == {}
    assert preserved_kernels(root) == ()


def test_until_the_copy_goes_it_can_be_put_back(root: Path) -> None:
    add(root, NEWEST)
    before = kernel(root, OLD)
    assert clean_put_back(root, store(root), minimum=2) == (OLD,)
    assert kernel(root, OLD) == {}
    (record,) = preserved_kernels(root)
    assert put_back(root, record)
    assert kernel(root, OLD) == before


def test_the_copy_is_not_removed_under_it(root: Path) -> None:
    (record,) = preserved_kernels(root)
    with pytest.raises(PreserveError, match="put back by bootkeep"):
        unpreserve(root, [record.key])
    remove_by_hand(root, store(root), record.key)  # a person may, as long as it is not needed by identity
    assert kernel(root, OLD) == {} and preserved_kernels(root) == ()
