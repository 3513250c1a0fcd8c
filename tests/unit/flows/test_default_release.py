"""Which kernel boots by itself, on recorded EL and SUSE hosts written out as files; grubenv by GRUB's own editor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bootkeep.edges.run import run
from bootkeep.edges.store import Store
from bootkeep.flows import guard
from bootkeep.flows.default_release import default_release
from bootkeep.flows.grub_tools import grub_tools
from bootkeep.flows.preserved_bls import has_bls_menu

MACHINES = Path(__file__).parents[2] / "machines"
ENTRIES = "native:texts:/boot/loader/entries/*.conf"
ID = "0123456789abcdef0123456789abcdef"
EL9_OLD, EL9_NEW = "5.14.0-427.13.1.el9_4.x86_64", "5.14.0-427.22.1.el9_4.x86_64"
EL8_GA, EL8_NEW = "4.18.0-553.el8_10.x86_64", "4.18.0-553.22.1.el8_10.x86_64"


def written(machine: str, root: Path) -> Path:
    """The files of a recorded machine that say what boots."""
    recorded = json.loads((MACHINES / machine / "readings.json").read_text())
    files = {
        key.removeprefix("file:"): reading["text"]
        for key, reading in recorded.items()
        if key.startswith(("file:/boot/grub", "file:/etc/grub2-efi", "file:/etc/os-release"))
        and reading["status"] == "ok"
    }
    files |= json.loads(recorded[ENTRIES]["text"] or "{}")
    for path, text in files.items():
        place = root / path[1:]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return root


def editenv(root: Path, *words: str) -> None:
    done = run(["grub-editenv", str(root / "boot/grub2/grubenv"), *words], timeout_s=10)
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize(
    ("machine", "words", "wanted"),
    [
        ("healthy-el9-bios", (), EL9_NEW),
        ("healthy-el9-bios", ("set", f"saved_entry={ID}-{EL9_OLD}"), EL9_OLD),
        ("healthy-el9-bios", ("set", "saved_entry=1"), EL9_OLD),  # grubby --set-default-index
        ("healthy-el9-bios", ("unset", "saved_entry"), EL9_NEW),  # the first, which is the newest
        ("healthy-el9-bios", ("set", f"saved_entry={ID}-5.14.0-1.el9.x86_64"), EL9_NEW),  # gone: the first
        ("healthy-el9-bios", ("set", f"next_entry={ID}-{EL9_OLD}"), EL9_NEW),  # for one boot only
        ("healthy-el9-uefi", ("set", f"saved_entry={ID}-{EL9_OLD}"), EL9_OLD),
        # The menu lies on the ESP, and a comparison of texts would call the first release the newest.
        ("healthy-el8-uefi", ("unset", "saved_entry"), EL8_NEW),
        ("healthy-el8-uefi", ("set", f"saved_entry={ID}-{EL8_GA}"), EL8_GA),
    ],
)
def test_entries_that_are_files(tmp_path: Path, machine: str, words: tuple[str, ...], wanted: str) -> None:
    root = written(machine, tmp_path)
    if words:
        editenv(root, *words)
    assert default_release(root) == wanted


def test_an_environment_block_that_grub_itself_refuses(tmp_path: Path) -> None:
    root = written("healthy-el9-bios", tmp_path)
    editenv(root, "set", f"saved_entry={ID}-{EL9_OLD}")
    (root / "boot/grub2/grubenv").write_text("saved_entry=cut")
    assert default_release(root) == EL9_NEW


def test_without_entries_there_is_none(tmp_path: Path) -> None:
    root = written("healthy-el9-bios", tmp_path)
    for path in (root / "boot/loader/entries").iterdir():
        path.unlink()
    assert default_release(root) == ""


def test_the_entries_of_suse_stand_in_the_menu(tmp_path: Path) -> None:
    root = written("healthy-suse15-btrfs", tmp_path)
    releases = [line.split("vmlinuz-")[1].split()[0] for line in _linux_lines(root)]
    newest, older = releases[0], next(one for one in releases if one != releases[0])
    assert default_release(root) == newest
    editenv(root, "set", f"saved_entry={_title_of(root, older)}")
    assert default_release(root) == older


def _linux_lines(root: Path) -> list[str]:
    text = (root / "boot/grub2/grub.cfg").read_text()
    return [line for line in text.splitlines() if line.strip().startswith("linux") and "vmlinuz-" in line]


def _title_of(root: Path, release: str) -> str:
    """As grub2-set-default writes it: submenu>entry, by their ids."""
    text = (root / "boot/grub2/grub.cfg").read_text()
    submenu = next(line for line in text.splitlines() if line.startswith("submenu")).split("'")[-2]
    entry = next(
        line for line in text.splitlines() if line.startswith("\tmenuentry") and f"-{release}-advanced-" in line
    )
    return f"{submenu}>{entry.split(chr(39))[-2]}"


def test_a_preserved_kernel_that_somebody_made_the_default(tmp_path: Path) -> None:
    root = written("healthy-el9-bios", tmp_path)
    key = f"{EL9_OLD}_427.13.1"
    entry = (root / f"boot/loader/entries/{ID}-{EL9_OLD}.conf").read_text()
    own = entry.replace(f"/vmlinuz-{EL9_OLD}", f"/bootkeep/{key}/vmlinuz")
    (root / f"boot/loader/entries/~bootkeep-{key}.conf").write_text(own)
    record = {"schema": 1, "key": key, "release": EL9_OLD, "package": "kernel-core", "package_version": "427.13.1"}
    record |= {"image_sha256": "0" * 64, "initramfs_sha256": "", "modules_path": "", "preserved_at": ""}
    folder = root / "boot/bootkeep" / key
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps(record))
    assert default_release(root) == EL9_NEW
    editenv(root, "set", f"saved_entry=~bootkeep-{key}")
    assert default_release(root) == EL9_OLD


def test_the_guard_stands_before_it(tmp_path: Path) -> None:
    """Without a record of a good boot and without a running kernel of its own: the default entry's is protected."""
    root = written("healthy-el9-bios", tmp_path)
    for release in (EL9_OLD, EL9_NEW):
        (root / f"boot/vmlinuz-{release}").write_text("x")
    for saved in (EL9_OLD, EL9_NEW):
        editenv(root, "set", f"saved_entry={ID}-{saved}")
        found = guard.protected_kernel(root, Store(root / "store"))
        assert found is not None
        assert (found.release, found.why) == (saved, "the default kernel")


def test_a_stray_menu_in_boot_grub2_is_not_what_el_8_starts_from_on_uefi(tmp_path: Path) -> None:
    """The same disk started by BIOS reads just that one: images for both kinds of machine have both."""
    root = written("healthy-el8-uefi", tmp_path)
    menu = root / "etc/grub2-efi.cfg"
    on_esp = root / "boot/efi/EFI/rocky/grub.cfg"
    on_esp.parent.mkdir(parents=True)
    menu.rename(on_esp)
    menu.symlink_to("../boot/efi/EFI/rocky/grub.cfg")  # as grub2-efi-x64 has it
    stray = root / "boot/grub2/grub.cfg"
    stray.write_text("menuentry other {\n linux /vmlinuz-4.18.0-1.el8.x86_64 root=/dev/sda1\n}\n")
    editenv(root, "unset", "saved_entry")
    assert default_release(root) == "4.18.0-1.el8.x86_64" and grub_tools(root).menu == stray
    assert not has_bls_menu(root)
    # A mounted root has no /sys of its own; its fstab tells.
    (root / "etc/fstab").write_text(
        "#UUID=1 /boot/efi vfat\nUUID=2 / xfs defaults 0 0\nUUID=1 /boot/efi vfat defaults 0 0\n"
    )
    assert default_release(root) == EL8_NEW and grub_tools(root).menu == on_esp
    assert has_bls_menu(root)
    # EL 9's stub is no menu.
    on_esp.write_text("search --fs-uuid --set=dev 1\nset prefix=($dev)/boot/grub2\nconfigfile $prefix/grub.cfg\n")
    assert default_release(root) == "4.18.0-1.el8.x86_64" and grub_tools(root).menu == stray
