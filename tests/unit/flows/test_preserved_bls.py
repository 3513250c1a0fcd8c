"""A preserved kernel's entry where the menu's entries are files."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootkeep.facts.preserved import PreservedKernel
from bootkeep.flows.preserved_bls import (
    OURS,
    entry_keys,
    entry_text,
    has_bls_menu,
    packaged_entries,
    take_entries,
    write_entries,
)
from bootkeep.flows.preserved_menu import Place
from bootkeep.probes.bootloaders.bls import compare_names, parse_bls

RELEASE = "5.14.0-427.13.1.el9_4.x86_64"
NEWER = "5.14.0-427.22.1.el9_4.x86_64"
RECORD = PreservedKernel(
    schema=1,
    key=f"{RELEASE}_5.14.0-427.13.1.el9_4",
    release=RELEASE,
    package="kernel-core",
    package_version="5.14.0-427.13.1.el9_4",
    image_sha256="00" * 32,
    initramfs_sha256="11" * 32,
    modules_path="/m",
    preserved_at="2026-11-25T00:00:00Z",
)
ENTRY = """title Rocky Linux ({0}) 9.4 (Blue Onyx)
version {0}
linux {1}/vmlinuz-{0}
initrd /ucode.img
initrd {1}/initramfs-{0}.img $tuned_initrd
options $kernelopts root=UUID=1 ro $tuned_params bootkeep.preserved=old
grub_users $grub_users
grub_arg --unrestricted
grub_class rocky
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A BLS host with two kernels."""
    entries = tmp_path / "boot/loader/entries"
    entries.mkdir(parents=True)
    (tmp_path / "boot/grub2").mkdir()
    (tmp_path / "boot/grub2/grub.cfg").write_text("set default=x\nblscfg\n")
    for release in (RELEASE, NEWER):
        (entries / f"{'a' * 32}-{release}.conf").write_text(ENTRY.format(release, ""))
    (entries / f"{'a' * 32}-0-rescue.conf").write_text(ENTRY.format("0-rescue", ""))
    return tmp_path


def test_the_entry_is_its_own_with_other_files(root: Path) -> None:
    """Arguments, microcode and users are the machine's; the image and the initramfs are the copy's."""
    text = entry_text(RECORD, None, packaged_entries(root), None)
    assert text is not None
    made = parse_bls("x.conf", text)
    assert made.first("linux") == f"/bootkeep/{RECORD.key}/vmlinuz"
    assert made.first("initrd") == f"/ucode.img /bootkeep/{RECORD.key}/initrd.img $tuned_initrd"
    assert made.first("options") == f"$kernelopts root=UUID=1 ro $tuned_params bootkeep.preserved={RECORD.key}"
    assert (made.first("grub_arg"), made.first("grub_users")) == ("--unrestricted", "$grub_users")
    assert "preserved by bootkeep" in made.first("title")


def test_without_its_own_entry_another_kernels_is_the_pattern_never_the_rescue_one(root: Path) -> None:
    """rpm has taken the old one's away."""
    (root / f"boot/loader/entries/{'a' * 32}-{RELEASE}.conf").unlink()
    text = entry_text(RECORD, None, packaged_entries(root), None)
    assert text is not None and f"linux /bootkeep/{RECORD.key}/vmlinuz" in text
    alone = [entry for entry in packaged_entries(root) if "rescue" in entry.id]
    assert entry_text(RECORD, None, alone, None) is None
    placed = entry_text(RECORD, None, (), Place("u", "/boot", "root=UUID=9 ro"))
    assert placed is not None and f"linux /boot/bootkeep/{RECORD.key}/vmlinuz" in placed


def test_ours_is_last_whatever_the_machine_id(root: Path) -> None:
    """~ sorts before everything."""
    for machine_id in ("0" * 32, "a" * 32, "f" * 32, "custom"):
        assert compare_names(f"{OURS}{RECORD.key}", f"{machine_id}-{RELEASE}") == -1
    assert has_bls_menu(root)


def test_entries_come_and_go_with_the_kernels(root: Path) -> None:
    """Others' files are left alone."""
    folder = root / "boot/loader/entries"
    others = {path.name: path.read_text() for path in folder.iterdir()}
    assert write_entries(root, [RECORD], None) and entry_keys(root) == {RECORD.key}
    before = (folder / f"{OURS}{RECORD.key}.conf").stat().st_ino
    assert write_entries(root, [RECORD], None)
    assert (folder / f"{OURS}{RECORD.key}.conf").stat().st_ino == before
    assert write_entries(root, [], None) and entry_keys(root) == frozenset()
    assert write_entries(root, [RECORD], None) and len(take_entries(root)) == 1
    assert {path.name: path.read_text() for path in folder.iterdir()} == others


def test_nothing_is_changed_where_nothing_tells_how_the_machine_boots(root: Path) -> None:
    """An entry without root= would be worse than none."""
    for path in (root / "boot/loader/entries").iterdir():
        path.unlink()
    assert not write_entries(root, [RECORD], None)
    assert list((root / "boot/loader/entries").iterdir()) == []


def test_a_menu_that_grub_cfg_holds_itself_is_none(root: Path) -> None:
    """Debian may have the folder for systemd-boot."""
    (root / "boot/grub2/grub.cfg").write_text("menuentry x { true }\n")
    assert not has_bls_menu(root)
