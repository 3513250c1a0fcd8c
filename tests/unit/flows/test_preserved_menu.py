"""Entries of preserved kernels: learned from the packaged entry, whatever that machine needs before ``linux``."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.edges.run import run
from bootkeep.facts.preserved import PreservedKernel
from bootkeep.flows.preserved_menu import Place, arguments_from_command_line, menu_text

KERNEL = PreservedKernel(1, "6.1.0-18-amd64_6.1.76-1", "6.1.0-18-amd64", "p", "6.1.76-1", "a", "b", "/m", "now")
ENTRY = """\
menuentry 'Debian GNU/Linux, with Linux {release}' --class debian --class os {flags}$menuentry_id_option 'x-{release}' {{
\t{before}
\tif [ x$feature_platform_search_hint = xy ]; then
\t  search --no-floppy --fs-uuid --set=root --hint-bios=hd0,gpt2 1111-2222
\telse
\t  search --no-floppy --fs-uuid --set=root 1111-2222
\tfi
\techo\t'Loading Linux {release} ...'
\tlinux\t{prefix}/vmlinuz-{release} root=/dev/mapper/vg-root ro {arguments}
\techo\t'Loading initial ramdisk ...'
\tinitrd\t{prefix}/initrd.img-{release}
}}
"""


def entry(release: str = KERNEL.release, prefix: str = "/boot", arguments: str = "quiet", **more: str) -> str:
    values = {"before": "insmod ext2", "flags": "", **more}
    return ENTRY.format(release=release, prefix=prefix, arguments=arguments, **values)


def made(grub_cfg: str, place: Place | None = None, kernel: PreservedKernel = KERNEL) -> str:
    text = menu_text(grub_cfg, [(kernel, f"/boot/vmlinuz-{kernel.release}")], place)
    assert text is not None
    return text


def checked(text: str, tmp_path: Path) -> None:
    path = tmp_path / "bootkeep.cfg"
    path.write_text(text)
    done = run(["grub-script-check", str(path)], timeout_s=10)
    assert done.exit_code == 0, done.stderr + text


@pytest.mark.parametrize("prefix", ["/boot", "", "/@/boot", "/@rootfs/boot"])
def test_the_path_is_the_machines_own(prefix: str, tmp_path: Path) -> None:
    text = made(entry(prefix=prefix))
    assert f"\tlinux\t{prefix}/bootkeep/{KERNEL.key}/vmlinuz root=/dev/mapper/vg-root ro quiet bootkeep.pres" in text
    assert f"\tinitrd\t{prefix}/bootkeep/{KERNEL.key}/initrd.img\n" in text
    assert f"--id bootkeep-{KERNEL.key} " in text
    assert "vmlinuz-6.1.0-18" not in text
    checked(text, tmp_path)


def test_what_comes_before_linux_is_kept(tmp_path: Path) -> None:
    text = made(entry(before="insmod lvm\n\tcryptomount -u 12ab\n\tset root='lvmid/a/b'", flags="--unrestricted "))
    assert "cryptomount -u 12ab" in text
    assert "set root='lvmid/a/b'" in text
    assert " --unrestricted --id" in text
    checked(text, tmp_path)


def test_its_own_entry_comes_before_anothers_and_recovery_is_no_pattern(tmp_path: Path) -> None:
    other = entry(release="6.1.0-99-amd64", arguments="other")
    recovery = entry(arguments="single")
    text = made(other + "submenu 'Advanced' {\n" + recovery + entry(arguments="mine") + "}\n")
    assert "ro mine bootkeep.preserved" in text
    assert "single" not in text
    assert "ro other bootkeep" in made(other)
    checked(text, tmp_path)


def test_what_is_loaded_before_the_initramfs_stays(tmp_path: Path) -> None:
    """GRUB_EARLY_INITRD_LINUX_CUSTOM: a board that needs its own ACPI tables does not come up without them."""
    text = made(entry().replace("\tinitrd\t", "\tinitrd\t/boot/acpi.img /boot/amd-ucode.img "))
    assert f"\tinitrd\t/boot/acpi.img /boot/amd-ucode.img /boot/bootkeep/{KERNEL.key}/initrd.img\n" in text
    checked(text, tmp_path)


def test_a_kernel_without_initramfs_gets_no_initrd(tmp_path: Path) -> None:
    text = made(entry(), kernel=PreservedKernel(1, "5_1", "5", "p", "1", "a", "", "", "now"))
    assert "initrd" not in text
    checked(text, tmp_path)


def test_without_a_pattern_the_place_is_needed(tmp_path: Path) -> None:
    assert menu_text("", [(KERNEL, "/boot/vmlinuz")], None) is None
    text = made("menuentry 'firmware' { fwsetup }\n", Place("aa-bb", "", "root=UUID=cc ro"))
    assert "search --no-floppy --fs-uuid --set=root aa-bb" in text
    assert f"linux\t/bootkeep/{KERNEL.key}/vmlinuz root=UUID=cc ro bootkeep.preserved={KERNEL.key}" in text
    checked(text, tmp_path)


def test_nothing_kept_is_a_menu_without_entries(tmp_path: Path) -> None:
    text = menu_text("", [], None)
    assert text is not None
    assert "menuentry" not in text
    checked(text, tmp_path)


def test_arguments_of_the_running_kernel() -> None:
    line = "BOOT_IMAGE=/vmlinuz root=UUID=1 ro bootkeep.preserved=x initrd=/i console=ttyS0\n"
    assert arguments_from_command_line(line) == "root=UUID=1 ro console=ttyS0"


@given(st.text(max_size=200), st.integers(min_value=0, max_value=500))
def test_no_grub_cfg_breaks_it(noise: str, cut: int) -> None:
    whole = entry() + noise
    for text in (noise, whole, whole[:cut], noise + whole):
        made_text = menu_text(text, [(KERNEL, "/boot/vmlinuz-6.1.0-18-amd64")], None)
        assert made_text is None or made_text.count("--id bootkeep-") == 1
