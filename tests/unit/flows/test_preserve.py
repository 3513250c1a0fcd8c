"""What is preserved, shown in the menu, and cleaned."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bootkeep.edges.known_digests import sha256_of
from bootkeep.edges.preserved import PreserveError, preserved_kernels
from bootkeep.facts.kernel import LastGood
from bootkeep.facts.preserved import PreservedKernel
from bootkeep.flows.preserve import (
    MENU,
    clean_preserved,
    kernel_files,
    list_preserved,
    preserve_kernel,
    preserve_last_good,
    refresh_preserved,
    unpreserve,
    write_menu,
)

OLD, NEW = "6.1.0-18-amd64", "6.12.1+deb12-cloud-amd64"


def grub_entry(release: str) -> str:
    return (
        f"menuentry 'x' {{\n\tsearch --no-floppy --fs-uuid --set=root 1-2\n\tlinux /vmlinuz-{release} root=UUID=3 ro\n"
        f"\tinitrd /initrd.img-{release}\n}}\n"
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "boot/grub").mkdir(parents=True)
    (tmp_path / "boot/grub/grub.cfg").write_text(grub_entry(OLD) + grub_entry(NEW))
    info = tmp_path / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    status = ""
    for number, release in enumerate((OLD, NEW), start=1):
        (tmp_path / f"boot/vmlinuz-{release}").write_text(f"image {release}")
        (tmp_path / f"boot/initrd.img-{release}").write_text(f"initramfs {release}")
        modules = tmp_path / f"usr/lib/modules/{release}/kernel"
        modules.mkdir(parents=True)
        (modules / "x.ko").write_text(release)
        (info / f"odd-{number}.list").write_text(f"/.\n/boot\n/boot/vmlinuz-{release}\n")
        status += f"Package: odd-{number}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {number}.0-1\n\n"
    (tmp_path / "var/lib/dpkg/status").write_text(status)
    return tmp_path


def good(root: Path, release: str) -> LastGood:
    return LastGood(release, "", sha256_of(root / f"boot/vmlinuz-{release}"), "b", "2026-11-23T17:00:00Z")


def menu(root: Path) -> str:
    return (root / MENU).read_text() if (root / MENU).exists() else ""


def replace_packaged(root: Path, release: str) -> None:
    """As dpkg does it: a new file under the old name."""
    for name in (f"vmlinuz-{release}", f"initrd.img-{release}"):
        (root / "boot" / (name + ".dpkg-new")).write_text("newer")
        (root / "boot" / (name + ".dpkg-new")).replace(root / "boot" / name)


def test_the_owner_is_found_by_the_file_not_by_a_name(root: Path) -> None:
    files = kernel_files(root, NEW)
    assert files is not None
    assert (files.package, files.package_version, files.key) == ("odd-2", "2.0-1", f"{NEW}_2.0-1")
    assert kernel_files(root, "nowhere") is None
    assert kernel_files(root, "../x") is None


def test_a_copy_gets_an_entry_only_when_it_offers_something(root: Path) -> None:
    record = preserve_kernel(root, OLD)
    assert "menuentry" not in menu(root)
    (item,) = list_preserved(root)
    assert (item.whole, item.in_menu, item.same_as_packaged) == (True, False, True)
    preserve_kernel(root, OLD, touched=True)
    assert f"--id bootkeep-{record.key} " in menu(root)
    replace_packaged(root, OLD)
    write_menu(root)
    (item,) = list_preserved(root)
    assert (item.whole, item.in_menu, item.same_as_packaged) == (True, True, False)


def test_the_entry_goes_when_the_transaction_changed_nothing(root: Path) -> None:
    preserve_kernel(root, OLD, touched=True)
    write_menu(root)
    assert "menuentry" not in menu(root)


def test_a_rebuilt_initramfs_makes_the_copy_worth_an_entry(root: Path) -> None:
    preserve_kernel(root, OLD)
    (root / f"boot/initrd.img-{OLD}").write_text("rebuilt")
    assert write_menu(root)


def test_a_newer_proven_kernel_cleans_older_copies(root: Path) -> None:
    record = preserve_kernel(root, OLD)
    assert clean_preserved(root, good(root, NEW)) == (record.key,)
    assert preserved_kernels(root) == ()


def test_the_running_copy_and_the_last_good_ones_stay(root: Path) -> None:
    old, new = preserve_kernel(root, OLD), preserve_kernel(root, NEW)
    (root / "proc").mkdir()
    (root / "proc/cmdline").write_text(f"root=x bootkeep.preserved={old.key} ro\n")
    assert clean_preserved(root, good(root, NEW)) == ()
    assert {record.key for record in preserved_kernels(root)} == {old.key, new.key}
    with pytest.raises(PreserveError, match="running right now"):
        unpreserve(root, [old.key])


def test_nothing_is_cleaned_for_a_last_good_that_is_nowhere(root: Path) -> None:
    preserve_kernel(root, OLD)
    assert clean_preserved(root, replace(good(root, NEW), image_sha256="0" * 64)) == ()
    assert len(preserved_kernels(root)) == 1


def test_no_loader_is_an_error_and_not_a_silent_copy(root: Path) -> None:
    (root / "boot/grub/grub.cfg").write_text("")
    with pytest.raises(PreserveError, match="nothing tells how this machine boots"):
        preserve_kernel(root, OLD, touched=True)


def test_the_last_good_kernel_is_preserved_and_no_other_build_of_it(root: Path) -> None:
    proven = good(root, OLD)
    record = preserve_last_good(root, proven)
    replace_packaged(root, OLD)
    assert preserve_last_good(root, proven) == record
    assert f"bootkeep-{record.key} " in menu(root)
    unpreserve(root, [record.key])
    with pytest.raises(PreserveError, match="is gone"):
        preserve_last_good(root, proven)
    assert preserved_kernels(root) == ()


def test_another_boot_loader_keeps_the_copy_and_holds_nothing_up(root: Path) -> None:
    shutil.rmtree(root / "boot/grub")
    preserve_kernel(root, OLD, touched=True)
    (item,) = list_preserved(root)
    assert (item.whole, item.in_menu) == (True, False)


def test_a_record_under_a_foreign_name_is_none(root: Path) -> None:
    record = preserve_kernel(root, OLD)
    (root / "boot/bootkeep" / record.key).rename(root / "boot/bootkeep/other")
    assert preserved_kernels(root) == ()
    assert isinstance(record, PreservedKernel)


def test_a_menu_that_cannot_be_written_is_a_refusal_to_go_on_not_an_accident(root: Path) -> None:
    """The hook lets any other error pass: the kernel would be replaced, and the copy would have no entry."""
    preserve_kernel(root, OLD)
    (root / MENU).unlink(missing_ok=True)
    (root / MENU).mkdir()
    with pytest.raises(PreserveError, match="could not be written"):
        preserve_kernel(root, OLD, touched=True)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("grubenv", "# GRUB Environment Block\nsaved_entry=bootkeep-{key}\n"),
        ("grubenv", "# GRUB Environment Block\nnext_entry=bootkeep-{key}\n"),
        ("grub.cfg", '   set default="bootkeep-{key}"\n'),
    ],
)
def test_a_copy_that_somebody_made_the_default_stays_with_its_entry(root: Path, file: str, text: str) -> None:
    """Without it GRUB silently starts the first entry, and the check calls the host NO-GO."""
    record = preserve_kernel(root, OLD)
    path = root / "boot/grub" / file
    path.write_text((path.read_text() if path.exists() else "") + text.format(key=record.key))
    assert clean_preserved(root, good(root, NEW)) == ()
    assert write_menu(root) == (record.key,)
    assert f"--id bootkeep-{record.key} " in menu(root)


def test_the_entry_goes_before_the_files(root: Path) -> None:
    record = preserve_kernel(root, OLD, touched=True)
    (root / "boot/bootkeep" / record.key / "kernel.json").chmod(0o644)
    (root / MENU).unlink()
    (root / MENU).mkdir()  # the menu cannot be written: then nothing may be taken away
    with pytest.raises(PreserveError):
        unpreserve(root, [record.key])
    assert preserved_kernels(root) == (record,)


def boot(root: Path, *, age_s: int) -> None:
    """This boot began ``age_s`` seconds after the newest of the boot files was written."""
    newest = max(path.stat().st_mtime for path in (root / "boot").rglob("*"))
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc/stat").write_text(f"cpu 1 2 3\nbtime {int(newest) + age_s}\nprocesses 1\n")


@pytest.mark.parametrize(("age_s", "refreshed"), [(60, True), (-60, False)])
def test_the_copy_follows_what_has_booted(root: Path, age_s: int, refreshed: bool) -> None:
    """A root that moved to LVM: the old initramfs finds it no more. One made after this boot began is not proven by it."""
    first = preserve_kernel(root, OLD)
    path = root / f"boot/initrd.img-{OLD}"
    path.write_text("initramfs with lvm2")
    boot(root, age_s=age_s)
    again = refresh_preserved(root, good(root, OLD))
    assert (again is not None) is refreshed
    kept = (root / "boot/bootkeep" / first.key / "initrd.img").read_text()
    assert kept == ("initramfs with lvm2" if refreshed else f"initramfs {OLD}")
    assert refresh_preserved(root, good(root, OLD)) is None or not refreshed


def test_nothing_is_refreshed_while_the_copy_itself_runs_or_the_package_holds_another_build(root: Path) -> None:
    record = preserve_kernel(root, OLD)
    proven = good(root, OLD)
    (root / f"boot/initrd.img-{OLD}").write_text("rebuilt")
    boot(root, age_s=60)
    (root / "proc/cmdline").write_text(f"root=x bootkeep.preserved={record.key}\n")
    assert refresh_preserved(root, proven) is None
    (root / "proc/cmdline").write_text("root=x\n")
    replace_packaged(root, OLD)
    os.utime(root / f"boot/vmlinuz-{OLD}", (0, 0))
    assert refresh_preserved(root, proven) is None
