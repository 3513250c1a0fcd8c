"""B08, B09, B34: the menu, its default, and where GRUB installs itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bootkeep.assemble import assemble
from bootkeep.facts.boot_entry import BootEntry, DefaultEntry, GrubConfig, PendingDefault
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.codec import from_json, to_json
from bootkeep.facts.finding import Severity
from bootkeep.facts.kernel import Initramfs
from bootkeep.facts.loaders import GrubTimeouts
from bootkeep.facts.machine import Firmware
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.facts.unknown import Absent, Unknown
from unit.rules.states import MACHINES, found, healthy, kernels, newest, recorded, severities

DEFAULT = "default-entry-broken"
STALE = "grub-config-stale"
DISK = "grub-install-device-wrong"


def menu(state: BootState) -> GrubConfig:
    assert isinstance(state.grub, GrubConfig)
    return state.grub


def starts(**changes: Any) -> BootState:
    """A machine whose default entry has other words."""
    default = healthy().default_entry
    assert isinstance(default, DefaultEntry) and isinstance(default.entry, BootEntry)
    return healthy(default_entry=replace(default, entry=replace(default.entry, **changes)))


def test_the_default_entry_and_its_files() -> None:
    for name in ("healthy-bios", "healthy-separate-boot", "healthy-uefi", "healthy-three-kernels"):
        assert not found(recorded(name), DEFAULT)
    assert severities(starts(kernel_path="/boot/vmlinuz-gone"), DEFAULT) == [Severity.WILL_NOT_BOOT]
    assert severities(starts(initramfs_paths=("/boot/initrd.img-gone",)), DEFAULT) == [Severity.WILL_NOT_BOOT]
    assert severities(starts(initramfs_paths=()), DEFAULT) == [Severity.WILL_NOT_BOOT]
    assert severities(newest(healthy(), image_error="cut short"), DEFAULT) == [Severity.WILL_NOT_BOOT]
    assert severities(newest(healthy(), modules=Absent("tree")), DEFAULT) == [Severity.AT_RISK]


def test_a_kernel_by_hand_whose_modules_got_lost_is_no_healthy_default() -> None:
    """Copied into /boot without its modules, with an initramfs that holds some: it was built with modules."""
    assert severities(newest(healthy(), modules=Absent("tree"), package=Absent("owner")), DEFAULT) == [Severity.AT_RISK]
    no_modules = newest(healthy(), modules=Absent("tree"), package=Absent("owner"), initramfs=Absent("image"))
    default = starts(initramfs_paths=(), arguments="root=/dev/vda1 ro").default_entry
    assert not found(replace(no_modules, default_entry=default), DEFAULT)
    image = kernels(healthy())[0].initramfs
    assert isinstance(image, Initramfs)
    bare = newest(
        healthy(), modules=Absent("tree"), package=Absent("owner"), initramfs=replace(image, modules=frozenset())
    )
    assert not found(bare, DEFAULT)


@pytest.mark.parametrize(
    ("root", "starts_up"),
    [
        ("root=UUID=1-2", False),
        ("root=LABEL=root", False),
        ("root=/dev/mapper/vg-root", False),
        ("root=/dev/vda1", True),
        ("root=PARTLABEL=root", True),
        ("nothing", True),
    ],
)
def test_without_an_initramfs_the_kernel_itself_has_to_find_root(root: str, starts_up: bool) -> None:
    default = starts(initramfs_paths=(), arguments=f"{root} ro").default_entry
    by_hand = newest(healthy(), modules=Absent("tree"), package=Absent("owner"), initramfs=Absent("image"))
    # A root that is not here is another finding; on a mounted root nothing is known about that.
    state = replace(by_hand, default_entry=default, running_release=Absent("/proc"))
    assert severities(state, DEFAULT) == ([] if starts_up else [Severity.WILL_NOT_BOOT])


def test_the_root_that_the_default_entry_names_is_here() -> None:
    gone = starts(arguments="root=UUID=00000000-dead-beef-0000-000000000000 ro")
    (finding,) = found(gone, DEFAULT)
    assert finding.severity is Severity.WILL_NOT_BOOT and "00000000-dead-beef" in finding.subject
    for unknowable in (
        {"running_release": Absent("/proc")},
        {"container": "systemd-nspawn"},
        {"block_devices": Unknown("no lsblk")},
    ):
        assert not found(replace(gone, **unknowable), DEFAULT)
    assert isinstance(gone.block_devices, tuple)
    blind = tuple(replace(device, uuid="") for device in gone.block_devices)
    assert not found(replace(gone, block_devices=blind), DEFAULT)


def test_a_default_that_waits_for_the_next_update_is_told() -> None:
    entry = menu(healthy()).entries[-1]
    waits = PendingDefault("1>2", "0", "/etc/default/grub", entry)
    (finding,) = found(healthy(pending_default=waits), STALE)
    assert finding.severity is Severity.ADVICE
    assert "'1>2'" in finding.summary and entry.title in finding.summary
    assert not found(healthy(pending_default=Unknown("shell code")), STALE)


def test_a_choice_without_entry_starts_the_first() -> None:
    dangling = DefaultEntry("gone", "saved_entry", Absent("gone"))
    (finding,) = found(healthy(default_entry=dangling), DEFAULT)
    assert finding.severity is Severity.AT_RISK and finding.subject == "gone"


def test_a_link_leads_to_its_kernel() -> None:
    path = kernels(healthy())[0].image.path
    state = starts(kernel_path="/kernel")
    present = state.boot_files
    assert isinstance(present, tuple)
    assert severities(state, DEFAULT) == [Severity.WILL_NOT_BOOT]
    assert not found(replace(state, boot_files=(*present, "/kernel"), boot_links=(("/kernel", path),)), DEFAULT)


def test_not_knowing_the_default_is_unknown() -> None:
    assert severities(healthy(default_entry=Unknown("grubenv damaged")), DEFAULT) == [Severity.UNKNOWN]
    assert severities(starts(kernel_path="(other-uuid)/vmlinuz"), DEFAULT) == [Severity.UNKNOWN]
    assert severities(starts(kernel_path="/boot/loader/x/vmlinuz"), DEFAULT) == [Severity.UNKNOWN]


def test_the_menu_fits_the_kernels() -> None:
    state = healthy()
    assert not found(state, STALE)
    old = kernels(state)[-1].image.path
    without = tuple(entry for entry in menu(state).entries if entry.kernel_path != old)
    assert severities(replace(state, grub=replace(menu(state), entries=without)), STALE) == [Severity.AT_RISK]
    extra = replace(menu(state).entries[0], kernel_path="/boot/vmlinuz-gone", initramfs_paths=())
    more = replace(menu(state), entries=(*menu(state).entries, extra))
    assert [finding.subject for finding in found(replace(state, grub=more), STALE)] == ["/boot/vmlinuz-gone"]


def test_no_menu_and_an_unfinished_one() -> None:
    state = healthy()
    assert severities(replace(state, grub=Absent("grub.cfg")), STALE) == [Severity.WILL_NOT_BOOT]
    assert severities(replace(state, grub=Absent("grub.cfg"), packages=()), STALE) == [Severity.UNKNOWN]
    other = replace(
        state, grub=Absent("grub.cfg"), packages=(), loaders=replace(state.loaders, present=("systemd-boot",))
    )
    assert not found(other, STALE)  # boot-loader-not-covered says it once
    assert severities(other, "boot-loader-not-covered") == [Severity.UNKNOWN]
    assert severities(replace(state, grub=Unknown("cut")), STALE) == [Severity.UNKNOWN]
    assert severities(replace(state, grub=replace(menu(state), entries=())), STALE) == [Severity.WILL_NOT_BOOT]
    assert severities(replace(state, grub=replace(menu(state), syntax_error="line 3")), STALE) == [
        Severity.WILL_NOT_BOOT
    ]
    left = replace(menu(state), leftovers=("/boot/grub/grub.cfg.new",))
    assert severities(replace(state, grub=left), STALE) == [Severity.AT_RISK]


def test_an_older_menu_with_the_right_words_is_fine() -> None:
    assert not found(healthy(grub=replace(menu(healthy()), mtime_ns=0)), STALE)


def test_where_grub_pc_installs_itself() -> None:
    assert not found(healthy(), DISK)
    assert severities(healthy(grub_install_devices=("/dev/disk/by-id/gone",)), DISK) == [Severity.AT_RISK]
    assert severities(healthy(grub_install_devices=("/dev/vda1",)), DISK) == [Severity.AT_RISK]
    assert not found(healthy(grub_install_devices=("/dev/vda",)), DISK)
    assert severities(healthy(grub_install_devices=Absent("never asked")), DISK) == [Severity.ADVICE]
    assert severities(healthy(grub_install_devices=Unknown("denied")), DISK) == [Severity.UNKNOWN]
    assert severities(healthy(block_devices=Unknown("no lsblk"), fstab=()), DISK) == [Severity.UNKNOWN]
    devices = healthy().block_devices
    assert isinstance(devices, tuple)
    bare = tuple(replace(device, persistent_links=()) for device in devices)
    assert severities(healthy(block_devices=bare, firmware=Unknown("rescue")), DISK) == [Severity.UNKNOWN]
    uefi = Firmware("uefi", False, (), ())
    assert not found(healthy(firmware=uefi, grub_install_devices=("/dev/gone",)), DISK)


def test_a_state_survives_json() -> None:
    state = recorded("default-entry-dangling")
    assert from_json(BootState, to_json(state), where="test") == state


def with_texts(**texts: str) -> BootState:
    """healthy-bios, read again with other texts of GRUB's files. ``CFG`` and the like; what is empty is not there."""
    path = MACHINES / "healthy-bios" / "readings.json"
    answers = dict(from_json(Readings, path.read_bytes(), where=str(path)).answers)
    for name, text in texts.items():
        key = f"file:/boot/grub/{name.replace('_', '.')}"
        answers[key] = Reading(Status.OK, answers[key].text + text if name == "grub_cfg" else text)
    return assemble(Readings(answers), taken_at="2026-11-23T18:00:00Z")


PINNED = "menuentry pinned --id pinned {\nlinux /boot/vmlinuz-6.1.0-9-gone root=/dev/vda1\n}\nset default=pinned\n"


def test_custom_cfg_may_choose_another_default() -> None:
    """The classic place for one's own entries was read for entries only: GO for a machine that starts none of its kernels."""
    assert severities(with_texts(custom_cfg=PINNED), DEFAULT) == [Severity.WILL_NOT_BOOT]
    assert not found(with_texts(custom_cfg=PINNED.replace("set default", "set color")), DEFAULT)
    assert severities(with_texts(grub_cfg="\ndefault=nothing\n"), DEFAULT) == [Severity.AT_RISK]


def test_what_only_the_boot_decides_is_not_known() -> None:
    for text in (
        "\nif [ -f /flag ]; then set default=1; fi\n",
        "\nsource /boot/extra.cfg\n",
        "\nconfigfile (hd0,1)/other/grub.cfg\n",
        "\nmenuentry mine --id mine { linux /boot/vmlinuz-$grub_cpu\n}\nset default=mine\n",
    ):
        assert severities(with_texts(grub_cfg=text), DEFAULT) == [Severity.UNKNOWN], text
    assert not found(with_texts(grub_cfg="\nif [ -f $prefix/x.cfg ]; then source $prefix/x.cfg; fi\n"), DEFAULT)


def test_a_kernel_behind_a_variable_is_no_missing_kernel() -> None:
    entry = "\nmenuentry mine --id mine { set k=6.1.0-56-cloud-amd64\nlinux /boot/vmlinuz-$k root=/dev/vda1\n"
    entry += "initrd /boot/initrd.img-$k\n}\n"
    state = with_texts(grub_cfg=f"{entry}set default=mine\n")
    assert not found(state, DEFAULT) and not found(state, STALE)
    doubtful = entry.replace("set k=6.1.0-56-cloud-amd64", "regexp --set 1:k '(.*)' x")
    assert not found(with_texts(grub_cfg=doubtful), STALE)


WAITS = "grub-waits-for-a-person"


def test_a_password_before_the_default_entry() -> None:
    users = "\nset superusers=admin\npassword admin secret\n"
    assert severities(with_texts(grub_cfg=users), WAITS) == [Severity.AT_RISK]
    free = "menuentry mine --unrestricted --id mine { linux /boot/vmlinuz-6.1.0-56-cloud-amd64 root=/dev/vda1\n}\n"
    free += "set default=mine\n"
    assert not found(with_texts(grub_cfg=users + free), WAITS)
    assert not found(healthy(), WAITS)


def test_a_menu_without_a_timeout_waits_too() -> None:
    assert severities(with_texts(grub_cfg="\nset timeout=\n"), WAITS) == [Severity.AT_RISK]
    assert severities(
        replace(healthy(), loaders=replace(healthy().loaders, timeouts=GrubTimeouts(None, None))), WAITS
    ) == [Severity.AT_RISK]
    assert not found(with_texts(custom_cfg="set timeout=10\n", grub_cfg="\nsource $prefix/custom.cfg\n"), WAITS)


def test_a_root_by_label_has_to_be_there_too() -> None:
    """Only UUIDs were looked up: a menu that wants a label of another machine was GO."""
    state = starts(arguments="root=LABEL=data ro")
    assert severities(state, DEFAULT) == [Severity.WILL_NOT_BOOT]
    assert isinstance(state.block_devices, tuple)
    named = tuple(replace(device, label="my data", partition_label="p") for device in state.block_devices)
    assert not found(replace(starts(arguments="root=LABEL=my\\x20data ro"), block_devices=named), DEFAULT)
    assert not found(replace(starts(arguments="root=PARTLABEL=p ro"), block_devices=named), DEFAULT)
    assert severities(replace(starts(arguments="root=PARTLABEL=P ro"), block_devices=named), DEFAULT) == [
        Severity.WILL_NOT_BOOT
    ]


ARGUMENT = "kernel-argument-unresolved"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("root=/dev/vda1 ro single", [Severity.AT_RISK]),
        ("root=/dev/vda1 systemd.unit=emergency.target quiet", [Severity.AT_RISK]),
        ("root=/dev/vda1 init=/bin/bash", [Severity.AT_RISK]),
        ("root=/dev/vda1 break=mount", [Severity.AT_RISK]),
        ("root=/dev/vda1 rd.break", [Severity.AT_RISK]),
        ("root=/dev/vda1 ro quiet -- single", []),
        ("root=/dev/vda1 init=/lib/systemd/systemd panic=1 systemd.unit=multi-user.target", []),
        ("root=/dev/vda1 breakpoint=1 xsingle emergency_mode=1", []),
    ],
)
def test_what_was_added_for_a_repair_and_stayed(arguments: str, expected: list[Severity]) -> None:
    assert severities(starts(arguments=arguments), ARGUMENT) == expected


def test_initramfs_tools_stops_where_no_root_is_named() -> None:
    """Its script local: "No root device specified. Boot arguments must include a root= parameter."."""
    state = recorded("healthy-plain")
    default = state.default_entry
    assert isinstance(default, DefaultEntry) and isinstance(default.entry, BootEntry)
    for arguments, expected in (
        ("ro quiet", [Severity.WILL_NOT_BOOT]),
        ("boot=live quiet", []),
        ("root=/dev/vda1", []),
    ):
        entry = replace(default.entry, arguments=arguments)
        assert severities(replace(state, default_entry=replace(default, entry=entry)), ARGUMENT) == expected
