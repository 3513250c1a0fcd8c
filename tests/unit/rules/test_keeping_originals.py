"""The originals that a remedy keeps, by running its own lines: behind links, and when a step is done twice."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bootkeep.facts.remedy import Place
from bootkeep.remedies.common import SAVED, build_initramfs, put_back, save
from unit.rules.states import recorded


def run(lines: tuple[str, ...], folder: Path) -> None:
    """Type them, with another folder for the copies."""
    script = "\n".join(lines).replace(SAVED, str(folder))
    subprocess.run(["bash", "-e", "-c", script], check=True, capture_output=True, timeout=20)  # noqa: TID251


def test_a_link_s_file_is_kept_and_comes_back(tmp_path: Path) -> None:
    """EL 8 with UEFI: /etc/grub2-efi.cfg leads to the ESP by a relative link, which leads nowhere from another folder."""
    menu = tmp_path / "boot" / "efi" / "grub.cfg"
    menu.parent.mkdir(parents=True)
    menu.write_text("the menu\n")
    link = tmp_path / "etc" / "grub2-efi.cfg"
    link.parent.mkdir()
    link.symlink_to("../boot/efi/grub.cfg")
    kept = tmp_path / "kept"
    run(save(Place.TARGET, str(link), "grub.cfg").command, kept)
    menu.write_text("broken\n")
    run(save(Place.TARGET, str(link), "grub.cfg").command, kept)
    run(put_back(str(link), "grub.cfg"), kept)
    assert menu.read_text() == "the menu\n"
    assert link.is_symlink()


def test_a_second_try_does_not_take_the_first_one_for_the_original(tmp_path: Path) -> None:
    """Somebody builds an initramfs twice; the undo brings back what was there before both."""
    state = recorded("healthy-bios")
    release = str(state.newest_release)
    boot, kept = tmp_path / "boot", tmp_path / "kept"
    boot.mkdir()
    image = boot / f"initrd.img-{release}"
    step = build_initramfs(state, Place.TARGET, release, exists=True)
    keep = tuple(line for line in step.command if "depmod" not in line and "update-initramfs" not in line)
    for content in ("the original", "half of one", "another"):
        image.write_text(content)
        run(tuple(line.replace("/boot", str(boot)) for line in keep), kept)
    run(tuple(line.replace("/boot", str(boot)) for line in step.undo), kept)
    assert image.read_text() == "the original"
