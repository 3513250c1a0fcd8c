"""Saves of the loader's configuration: whole, told apart, restorable, and never lost by a restore."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootkeep.facts.errors import BootkeepError
from bootkeep.flows.loader_configuration import (
    KEEP_SAVES,
    SAVES,
    loader_saves,
    restore_loader_configuration,
    restored_differences,
    save_loader_configuration,
)

GRUB = "GRUB_DEFAULT=0\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A host's loader configuration."""
    for name, text in (
        ("etc/default/grub", GRUB),
        ("etc/grub.d/10_linux", "#!/bin/sh\n"),
        ("boot/grub/grub.cfg", "menu"),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "etc/grub.d/10_linux").chmod(0o755)
    return tmp_path


def test_a_save_comes_back_bit_for_bit_with_its_modes(root: Path) -> None:
    """The generator's scripts have to stay executable."""
    save = save_loader_configuration("before", root=root)
    assert {each.path for each in save.files} == {"/etc/default/grub", "/etc/grub.d/10_linux", "/boot/grub/grub.cfg"}
    (root / "etc/default/grub").write_text("GRUB_DEFAULT=7\n")
    (root / "etc/grub.d/10_linux").unlink()
    assert restored_differences("oldest", root=root) == ("/etc/default/grub", "/etc/grub.d/10_linux")
    assert restore_loader_configuration(save.folder, root=root) == ("/etc/default/grub", "/etc/grub.d/10_linux")
    assert (root / "etc/default/grub").read_text() == GRUB
    assert (root / "etc/grub.d/10_linux").stat().st_mode & 0o777 == 0o755
    assert restore_loader_configuration(save.folder, root=root) == ()


def test_a_restore_can_be_taken_back(root: Path) -> None:
    """What was there before it was saved too."""
    save_loader_configuration("first", root=root)
    (root / "etc/default/grub").write_text("GRUB_DEFAULT=7\n")
    restore_loader_configuration("oldest", root=root)
    restore_loader_configuration("newest", root=root)
    assert (root / "etc/default/grub").read_text() == "GRUB_DEFAULT=7\n"


def test_the_same_content_is_saved_once(root: Path) -> None:
    """Every highstate asks; only changes cost room."""
    assert save_loader_configuration("a", root=root) == save_loader_configuration("b", root=root)
    assert len(loader_saves(root=root)) == 1


def test_saves_are_private_and_the_oldest_outlives_the_limit(root: Path) -> None:
    """It is the host as it was found. GRUB passwords may be in there."""
    first = save_loader_configuration("first", root=root)
    for number in range(KEEP_SAVES + 5):
        (root / "etc/default/grub").write_text(f"GRUB_TIMEOUT={number}\n")
        save_loader_configuration(str(number), root=root)
    saves = loader_saves(root=root)
    assert (saves[0].folder, len(saves)) == (first.folder, KEEP_SAVES + 1)
    assert saves[-1].reason == str(KEEP_SAVES + 4)
    folder = root / SAVES.relative_to("/")
    assert {path.stat().st_mode & 0o077 for path in (folder, folder / first.folder)} == {0}


def test_a_damaged_save_changes_nothing(root: Path) -> None:
    """All digests are checked before the first byte is written."""
    save = save_loader_configuration("x", root=root)
    (root / SAVES.relative_to("/") / save.folder / "files/boot/grub/grub.cfg").write_text("rotten")
    (root / "etc/default/grub").write_text("GRUB_DEFAULT=7\n")
    with pytest.raises(BootkeepError, match="damaged"):
        restore_loader_configuration("newest", root=root)
    assert (root / "etc/default/grub").read_text() == "GRUB_DEFAULT=7\n"


@pytest.mark.parametrize("name", ["yesterday", "../../../etc", ""])
def test_a_save_that_is_not_there_is_named(root: Path, name: str) -> None:
    """With those that are; a path is no name."""
    save_loader_configuration("x", root=root)
    with pytest.raises(BootkeepError, match="There are: 2"):
        restore_loader_configuration(name, root=root)


def test_an_unreadable_note_is_no_save(root: Path) -> None:
    """Half a copy must not be restored."""
    save = save_loader_configuration("x", root=root)
    (root / SAVES.relative_to("/") / save.folder / "save.json").write_text("{")
    assert loader_saves(root=root) == ()


@pytest.mark.parametrize(
    ("saved_menu", "comes_back"),
    [
        ("linux\t/vmlinuz-2 root=x\n", True),
        ("linux\t/boot/vmlinuz-2 root=x\n\tlinux /boot/vmlinuz-2 single\n", True),
        ("linux\t/@/boot/vmlinuz-2 root=x\nlinux /vmlinuz root=x\n", True),
        ("linux\t/vmlinuz-1 root=x\nlinux\t/vmlinuz-2 root=x\n", False),  # 1 was removed since
        ("menuentry x { true }\n", False),  # 2 came since
    ],
)
def test_a_menu_for_other_kernels_is_not_put_back(root: Path, saved_menu: str, comes_back: bool) -> None:
    """The oldest save is months old: its menu names kernels that were removed, and the host would not start."""
    (root / "boot/vmlinuz-2").write_text("x")
    (root / "vmlinuz").symlink_to("boot/vmlinuz-2")
    (root / "boot/grub/grub.cfg").write_text(saved_menu)
    save_loader_configuration("first", root=root)
    (root / "boot/grub/grub.cfg").write_text("today")
    (root / "etc/default/grub").write_text("GRUB_DEFAULT=7\n")
    restore_loader_configuration("oldest", root=root)
    assert (root / "etc/default/grub").read_text() == GRUB
    assert (root / "boot/grub/grub.cfg").read_text() == (saved_menu if comes_back else "today")
    assert restored_differences("oldest", root=root) == ()


def test_entries_of_preserved_kernels_that_are_gone_do_not_come_back(root: Path) -> None:
    ours = root / "boot/grub/bootkeep.cfg"
    ours.write_text("linux /boot/bootkeep/2_1/vmlinuz root=x\n")
    (root / "boot/bootkeep/2_1").mkdir(parents=True)
    (root / "boot/bootkeep/2_1/vmlinuz").write_text("x")
    save_loader_configuration("first", root=root)
    ours.write_text("other")
    assert restored_differences("oldest", root=root) == ("/boot/grub/bootkeep.cfg",)
    (root / "boot/bootkeep/2_1/vmlinuz").unlink()
    assert restored_differences("oldest", root=root) == ()
