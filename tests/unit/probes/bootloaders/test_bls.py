"""Boot Loader Specification entries as blscfg reads them, and the menu that they make."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.facts.boot_entry import Bls, BootEntry, DefaultEntry, GrubConfig
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.probes.bootloaders import bls
from bootkeep.probes.bootloaders.grub import default_entry, grub_config, install_devices
from bootkeep.probes.bootloaders.grubenv import HEADER, SIZE
from bootkeep.probes.bootloaders.paths import Locator

MACHINE, OTHER = "a" + "0" * 31, "f" * 32
MENU = """
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="${saved_entry}"
fi
if [ -z "${kernelopts}" ]; then
  set kernelopts="root=UUID=1111 ro"
fi
insmod blscfg
blscfg
menuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' {
  fwsetup
}
"""
ROCKY = 'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n'


def entry(release: str, *, options: str = "root=UUID=1 ro $tuned_params", linux: str = "") -> str:
    return (
        f"title Rocky Linux ({release})\nversion {release}\nlinux {linux or f'/vmlinuz-{release}'}\n"
        f"initrd /initramfs-{release}.img $tuned_initrd\noptions {options}\ngrub_users $grub_users\n"
    )


def environment(**variables: str) -> str:
    text = HEADER + "".join(f"{name}={value}\n" for name, value in variables.items())
    return text.ljust(SIZE, "#")


def machine(files: dict[str, str], *, grubenv: str = "", menu: str = MENU) -> Readings:
    answers = {
        "file:/etc/os-release": Reading(Status.OK, ROCKY),
        "file:/etc/machine-id": Reading(Status.OK, f"{MACHINE}\n"),
        "file:/boot/grub2/grub.cfg": Reading(Status.OK, menu),
        "file:/boot/grub2/grubenv": Reading(Status.OK, grubenv) if grubenv else Reading(Status.ABSENT),
        bls.ENTRIES.key: Reading(Status.OK, json.dumps({f"{bls.FOLDER}/{name}": text for name, text in files.items()})),
    }
    return Readings(answers)


def files(*releases: str, machine_id: str = MACHINE) -> dict[str, str]:
    return {f"{machine_id}-{release}.conf": entry(release) for release in releases}


OLD, NEW = "4.18.0-553.el8_10.x86_64", "4.18.0-553.22.1.el8_10.x86_64"
BOOT = Locator("/boot")


def default_of(readings: Readings) -> DefaultEntry:
    found = default_entry(readings, BOOT)
    assert isinstance(found, DefaultEntry)
    return found


def config_of(readings: Readings) -> GrubConfig:
    found = grub_config(readings, BOOT)
    assert isinstance(found, GrubConfig)
    return found


def test_the_entries_stand_newest_first_before_what_comes_after_blscfg() -> None:
    """By rpm's order, not by text."""
    found = config_of(machine(files(OLD, NEW)))
    assert [each.title for each in found.entries] == [
        f"Rocky Linux ({NEW})",
        f"Rocky Linux ({OLD})",
        "UEFI Firmware Settings",
    ]
    first = found.entries[0]
    assert (first.kernel_path, first.initramfs_paths) == (f"/boot/vmlinuz-{NEW}", (f"/boot/initramfs-{NEW}.img",))
    assert first.arguments == "root=UUID=1 ro"  # a variable that is not set is empty, as in GRUB


def test_nothing_saved_starts_the_first_and_a_saved_id_the_one_it_names() -> None:
    """saved_entry holds a file's name without .conf."""
    assert default_of(machine(files(OLD, NEW))).chosen_by == "first entry"
    saved = default_of(machine(files(OLD, NEW), grubenv=environment(saved_entry=f"{MACHINE}-{OLD}")))
    assert isinstance(saved.entry, BootEntry) and OLD in saved.entry.kernel_path
    gone = default_of(machine(files(NEW), grubenv=environment(saved_entry=f"{MACHINE}-{OLD}")))
    assert not isinstance(gone.entry, BootEntry)


def test_a_machine_id_that_sorts_higher_wins_over_a_newer_kernel() -> None:
    """The trap of cloned images: the name is compared before the version."""
    mixed = {**files(NEW), **files(OLD, machine_id=OTHER)}
    found = config_of(machine(mixed))
    assert OLD in found.entries[0].kernel_path
    assert isinstance(found.bls, Bls)
    assert [(each.path.rpartition("/")[2][:4], each.foreign) for each in found.bls.problems] == [("ffff", True)]


def test_a_preserved_kernel_is_last_whatever_the_machine_id() -> None:
    """~ sorts before everything, so it never becomes the default by accident."""
    for machine_id in (MACHINE, OTHER, "0" * 32, "a" * 32):
        named = {**files(OLD, machine_id=machine_id), "~bootkeep-9.9.9-1.el9.conf": entry("9.9.9-1.el9")}
        assert [each.kernel_path for each in config_of(machine(named)).entries][1] == "/boot/vmlinuz-9.9.9-1.el9"


def test_kernel_options_come_from_grubenv_or_from_the_menu() -> None:
    """EL 8 keeps the arguments in grubenv; grub.cfg has a fallback."""
    asked = {"a-1-1.conf": entry("1-1", options="$kernelopts quiet")}
    with_both = machine(asked, grubenv=environment(kernelopts="root=UUID=2222 ro"))
    assert config_of(with_both).entries[0].arguments == "root=UUID=2222 ro quiet"
    assert config_of(machine(asked)).entries[0].arguments == "root=UUID=1111 ro quiet"
    without = config_of(machine(asked, menu="blscfg\n"))
    assert without.entries[0].arguments == "quiet"
    assert isinstance(without.bls, Bls) and without.bls.kernel_options and without.bls.kernel_options_from == ""


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("title x\noptions root=1\n", "no 'linux' line"),
        ("title x\nlinux boot/vmlinuz\noptions root=1\n", "slash"),
        ("title x\nlinux /vmlinuz\n", "no 'options' line"),
        ("title\nlinux /vmlinuz\noptions a\n", "no 'linux' line"),  # GRUB stops reading there
    ],
)
def test_what_is_wrong_with_an_entry_by_itself(text: str, what: str) -> None:
    """Each is skipped by GRUB, or starts a kernel that finds nothing."""
    (problem,) = bls.problems_of((bls.parse_bls("/boot/loader/entries/a.conf", text),), MACHINE)
    assert what in problem.what


def test_suse_says_which_disks_it_installs_to() -> None:
    """And EL says none."""
    suse = Readings(
        {
            "file:/etc/os-release": Reading(Status.OK, 'ID="sles"\nID_LIKE="suse"\n'),
            "file:/etc/default/grub_installdevice": Reading(
                Status.OK, "/dev/disk/by-id/a\n(hd0)\nactivate\ngeneric_mbr\n"
            ),
        }
    )
    assert install_devices(suse) == ("/dev/disk/by-id/a",)


@given(st.text(max_size=200), st.text("ab0~^.-", max_size=10), st.text("ab0~^.-", max_size=10))
def test_any_file_and_any_names(text: str, one: str, other: str) -> None:
    """No file crashes the parser, and the order is one."""
    file = bls.parse_bls("/boot/loader/entries/x.conf", text)
    bls.entry_of(file, {}, BOOT)
    bls.problems_of((file,), MACHINE)
    assert bls.compare_names(one, other) == -bls.compare_names(other, one)
