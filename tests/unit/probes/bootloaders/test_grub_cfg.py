"""grub.cfg and grubenv, as GRUB reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.facts.errors import NotUnderstood
from bootkeep.probes.bootloaders.grub_cfg import (
    GrubMenu,
    Included,
    find_entry,
    first_entry,
    parse_grub_cfg,
    started_entry,
)
from bootkeep.probes.bootloaders.grubenv import HEADER, parse_grubenv
from bootkeep.probes.bootloaders.paths import Locator

CFG = r"""
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
else
   set default="${saved_entry}"
fi
function load_video { if [ x$feature = xy ]; then insmod all_video; fi }
menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple-U' {
	load_video
	if [ x$grub_platform = xxen ]; then insmod xzio; fi
	search --no-floppy --fs-uuid --set=root U
	linux	/vmlinuz-6.1.0-56-amd64 root=UUID=R ro  quiet
	initrd	/ucode.img /initrd.img-6.1.0-56-amd64
}
submenu 'Advanced options' $menuentry_id_option 'gnulinux-advanced-U' {
	menuentry 'It'\''s "56"' --id=gnulinux-56 { linux /vmlinuz-6.1.0-56-amd64
	}
	menuentry "47 \"old\"" --id gnulinux-47 {
		linux /vmlinuz-6.1.0-47-amd64 \
			root=UUID=R
	}
}
if [ -f ${config_directory}/bootkeep.cfg ]; then
  source ${config_directory}/bootkeep.cfg
fi
menuentry 'UEFI Firmware Settings' --id 'uefi-firmware' { fwsetup }
"""


def menu(text: str = CFG, locator: Locator | None = None) -> GrubMenu:
    return parse_grub_cfg(text, where="grub.cfg", locate=locator or Locator("/boot"))


def test_entries_with_their_files() -> None:
    first, second, old, setup = menu().entries
    assert (first.id, first.kernel_path) == ("gnulinux-simple-U", "/boot/vmlinuz-6.1.0-56-amd64")
    assert first.initramfs_paths == ("/boot/ucode.img", "/boot/initrd.img-6.1.0-56-amd64")
    assert (first.arguments, first.search_uuid) == ("root=UUID=R ro quiet", "U")
    assert (second.title, second.id) == ('It\'s "56"', "gnulinux-56")
    assert (old.title, old.arguments, old.full_id) == ('47 "old"', "root=UUID=R", "gnulinux-advanced-U>gnulinux-47")
    assert (setup.title, setup.kernel_path) == ("UEFI Firmware Settings", "")
    assert menu().default == "${saved_entry}"
    assert menu().sources == ("${config_directory}/bootkeep.cfg",)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("0", "gnulinux-simple-U"),
        ("1", "gnulinux-56"),
        ("1>1", "gnulinux-47"),
        ("gnulinux-advanced-U>gnulinux-47", "gnulinux-47"),
        ('Advanced options>47 "old"', None),  # it begins with a number: entry 47, and there is none
        ('Advanced options>It\'s "56"', "gnulinux-56"),
        ("0x1>01", "gnulinux-47"),
        ("1 of them", "gnulinux-56"),
        ("gnulinux-47", None),
        ("9", None),
        ("1>7", None),
        ("0>0", None),
        ("", None),
    ],
)
def test_the_default_resolves_as_in_grub(wanted: str, found: str | None) -> None:
    entry = find_entry(menu().items, wanted)
    assert (entry.id if entry else None) == found


def test_the_rpm_families_grub_looks_for_names_first() -> None:
    items = parse_grub_cfg("menuentry a { linux /a\n}\nmenuentry 1x { linux /b\n}", where="x", locate=Locator()).items
    assert [getattr(find_entry(items, "1x", names_first=first), "title", None) for first in (True, False)] == [
        "1x",
        "1x",
    ]
    items = parse_grub_cfg("menuentry 1x { linux /a\n}\nmenuentry b { linux /b\n}", where="x", locate=Locator()).items
    assert [getattr(find_entry(items, "1x", names_first=first), "title", None) for first in (True, False)] == [
        "1x",
        "b",
    ]
    assert find_entry(items, "1z", names_first=True) is None


def test_a_dangling_default_starts_the_first_entry_of_the_menu_that_it_got_to() -> None:
    entry = started_entry(menu().items, "gone")
    assert entry is not None and entry.id == "gnulinux-simple-U"
    entry = started_entry(menu().items, "1>gone")
    assert entry is not None and entry.id == "gnulinux-56"
    entry = started_entry(menu().items, "1>1")
    assert entry is not None and entry.id == "gnulinux-47"
    assert first_entry(()) is None and started_entry((), "1") is None


def test_a_condition_that_grubenv_decides() -> None:
    counting = """
set default="${saved_entry}"
if [ -n "${boot_counter}" -a "${boot_success}" = "0" ]; then
  if [ "${boot_counter}" = "0" -o "${boot_counter}" = "-1" ]; then
    set default=1
  else
    decrement boot_counter
  fi
fi
if [ "$grub_platform" = efi ]; then set timeout=3; else set timeout=5; fi
"""

    def of(**environment: str) -> tuple[str, ...]:
        return parse_grub_cfg(counting, where="x", locate=Locator(), environment=environment).defaults

    assert of() == ("${saved_entry}",)
    assert of(boot_counter="0", boot_success="0") == ("1",)
    assert of(boot_counter="2", boot_success="0") == ("${saved_entry}",)
    assert parse_grub_cfg(counting, where="x", locate=Locator()).timeouts == ("3", "5")


@pytest.mark.parametrize(
    ("text", "defaults"),
    [
        ("default=2", ("2",)),  # an assignment needs no "set"
        ("set default=1\nset default=2", ("2",)),
        ("set default=1\nif [ -f /flag ]; then set default=2; fi", ("1", "2")),
        ("if keystatus --shift; then set default=2; elif true; then set default=3; fi", ("0", "2", "3")),
        ("if false; then set default=2; elif true; then set default=3; fi", ("3",)),
        ("if [ -z x ]; then\nset default=2\nelse\nif [ a != b ]\nthen\nset default=4\nfi\nfi", ("4",)),
        ("pin=7\nset default=$pin", ("7",)),
        ("for x in a b; do set default=2; done", ("0", "2")),
        ("function f {\nset default=2\n}\nmenuentry a {\nset default=3\n}", ("0",)),
        ("if ! [ a = b ]; then set default=2; fi", ("2",)),
    ],
)
def test_the_values_that_default_may_have(text: str, defaults: tuple[str, ...]) -> None:
    assert menu(text).defaults == defaults


def test_what_an_entry_loads_may_depend_on_the_boot() -> None:
    plain, chosen, unknown, both = menu(
        """
set kver=6.1.0-56
menuentry plain { linux /vmlinuz-${kver} root=/dev/vda1
initrd /initrd-$kver
}
menuentry chosen { if [ -f /new ]; then linux /vmlinuz-new; else linux /vmlinuz-old; fi
}
menuentry unknown { linux /vmlinuz-$grub_cpu
}
menuentry both { linux /a
linux /b
}
"""
    ).entries
    assert (plain.kernel_path, plain.initramfs_paths, plain.doubt) == (
        "/boot/vmlinuz-6.1.0-56",
        ("/boot/initrd-6.1.0-56",),
        "",
    )
    assert "chooses between" in chosen.doubt and "$grub_cpu" in unknown.doubt
    assert (both.kernel_path, both.doubt) == ("/boot/b", "")


def test_users_of_grub_and_entries_that_are_free_for_all() -> None:
    found = menu("set superusers=root\npassword root x\nmenuentry a { true\n}\nmenuentry b --unrestricted { true\n}")
    assert found.passwords and [entry.unrestricted for entry in found.entries] == [False, True]
    assert menu('set superusers=""').passwords and not menu("menuentry a { true\n}").passwords


def test_paths_of_subvolumes_and_other_file_systems() -> None:
    text = "menuentry a { search --fs-uuid --set=root OTHER\nlinux /@/boot/vmlinuz\n}"
    ours = Locator("/", "/@", frozenset({"other"}))
    assert menu(text, ours).entries[0].kernel_path == "/boot/vmlinuz"
    theirs = Locator("/", "/@", frozenset({"mine"}))
    assert menu(text, theirs).entries[0].kernel_path == "(OTHER)/@/boot/vmlinuz"
    assert Locator()("(hd0,gpt2)/boot/vmlinuz", "") == "/boot/vmlinuz"


@pytest.mark.parametrize("text", ["menuentry 'a", "menuentry a {\nlinux /x\n", "}\n"])
def test_a_cut_file_is_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstood):
        menu(text)


@given(st.one_of(st.text(), st.text(alphabet="menuentry sub{}'\"\\$\n;# >")))
def test_no_text_crashes_it(text: str) -> None:
    try:
        menu(text)
    except NotUnderstood as error:
        assert "grub.cfg" in str(error)


def block(lines: str) -> str:
    return (HEADER + lines).ljust(1024, "#")


def test_environment_block() -> None:
    assert parse_grubenv(block("saved_entry=a>b\nnext_entry=\n")) == {"saved_entry": "a>b", "next_entry": ""}
    assert parse_grubenv(block("x=back\\\\slash\n")) == {"x": "back\\slash"}


@pytest.mark.parametrize("text", ["", HEADER, block("a=b\n")[:-1], "x".ljust(1024, "#")])
def test_a_damaged_block_is_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstood):
        parse_grubenv(text)


@given(st.text())
def test_no_block_crashes_it(text: str) -> None:
    try:
        parse_grubenv((HEADER + text)[:1024].ljust(1024, "#"))
    except NotUnderstood as error:
        assert str(error)


CUSTOM = """
if [ -f  ${config_directory}/custom.cfg ]; then
  source ${config_directory}/custom.cfg
elif [ -z "${config_directory}" -a -f  $prefix/custom.cfg ]; then
  source $prefix/custom.cfg
fi
"""


def test_a_file_that_both_branches_of_a_condition_name_is_read_once_and_not_unread() -> None:
    """41_custom of GRUB 2.06 as grub2-mkconfig writes it: what preserves a kernel puts its line into custom.cfg."""
    entry = "menuentry 'own' {\n\tlinux /vmlinuz-own root=UUID=1\n}\n"
    found = parse_grub_cfg(
        CUSTOM, where="grub.cfg", locate=Locator(), included=[Included("/boot/grub2/custom.cfg", entry)]
    )
    assert [one.title for one in found.entries] == ["own"]
    assert found.unread == ()
    alone = parse_grub_cfg(CUSTOM, where="grub.cfg", locate=Locator())
    assert set(alone.unread) == {"${config_directory}/custom.cfg", "$prefix/custom.cfg"}
