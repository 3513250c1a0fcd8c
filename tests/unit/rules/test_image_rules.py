"""B16, B22: room, whole images, and the drivers inside."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Severity
from bootkeep.facts.kernel import Initramfs, ModulesTree
from bootkeep.facts.storage import Space
from bootkeep.facts.unknown import Absent, Unknown
from unit.rules.states import found, healthy, kernels, newest, oldest, recorded, severities

DAMAGED = "initramfs-damaged"
DRIVER = "initramfs-driver-missing"
LOW = "boot-space-low"
MIB = 1024 * 1024


def image(state: BootState, number: int, **changes: Any) -> Initramfs:
    found_image = kernels(state)[number].initramfs
    assert isinstance(found_image, Initramfs)
    return replace(found_image, **changes)


def test_damage_weighs_by_whose_image_it_is() -> None:
    state = healthy()
    assert not found(state, DAMAGED)
    assert severities(newest(state, initramfs=image(state, 0, listing_error="cut")), DAMAGED) == [
        Severity.WILL_NOT_BOOT
    ]
    assert severities(oldest(state, initramfs=image(state, -1, listing_error="cut")), DAMAGED) == [Severity.AT_RISK]


def test_an_image_without_init_or_of_another_kernel() -> None:
    state = healthy()
    assert severities(newest(state, initramfs=image(state, 0, has_init=False)), DAMAGED) == [Severity.WILL_NOT_BOOT]
    other = image(state, 0, releases=("5.10.0-1-amd64",))
    assert severities(newest(state, initramfs=other), DAMAGED) == [Severity.WILL_NOT_BOOT]


def test_what_could_not_be_listed_is_unknown() -> None:
    state = healthy()
    why = Unknown("lz4 is not installed")
    unlisted = image(state, 0, modules=why, entries=why, has_init=why)
    assert severities(newest(state, initramfs=unlisted), DAMAGED) == [Severity.UNKNOWN]
    assert severities(newest(state, initramfs=why), DAMAGED) == [Severity.UNKNOWN]


def test_a_missing_image_is_said_once() -> None:
    state = healthy()
    missing = newest(state, initramfs=Absent("initrd"))
    assert not found(missing, DAMAGED), "the entry names it: default-entry-broken speaks"
    unnamed = replace(missing, grub=Absent("menu"), default_entry=Absent("menu"))
    assert severities(unnamed, DAMAGED) == [Severity.AT_RISK]
    built_by_hand = newest(unnamed, modules=Absent("tree"), package=Absent("a package"))
    assert not found(built_by_hand, DAMAGED), "a kernel with everything built in needs none"


def test_drivers_in_the_image_or_built_in() -> None:
    state = healthy()
    assert not found(state, DRIVER)
    assert severities(replace(state, root_drivers=("ext4", "nvme_of_mars")), DRIVER) == [
        Severity.WILL_NOT_BOOT,
        Severity.AT_RISK,
    ]
    tree = kernels(state)[0].modules
    assert isinstance(tree, ModulesTree) and isinstance(tree.builtin, frozenset)
    inside = image(state, 0).modules
    assert isinstance(inside, frozenset)
    without = newest(state, initramfs=image(state, 0, modules=inside - {"virtio_blk"}))
    assert severities(without, DRIVER) == [Severity.WILL_NOT_BOOT]
    built_in = newest(without, modules=replace(tree, builtin=tree.builtin | {"virtio_blk"}))
    assert not found(built_in, DRIVER)


def test_an_unknown_way_is_unknown_but_for_containers() -> None:
    assert severities(healthy(root_drivers=Unknown("overlay")), DRIVER) == [Severity.UNKNOWN]
    rescue = healthy(root_drivers=Unknown("not taken"), running_release=Unknown("not taken"))
    assert severities(rescue, DRIVER) == [Severity.UNKNOWN]
    assert not found(healthy(root_drivers=Unknown("overlay"), container="lxc"), DRIVER)


def room(free: int, *, size: int = 250 * MIB, inodes_free: int = 60000) -> BootState:
    """healthy-separate-boot with so many bytes free in /boot."""
    spaces = (Space("/", 20 << 30, 10 << 30, 100000, 90000), Space("/boot", size, free, 65536, inodes_free))
    return replace(recorded("healthy-separate-boot"), space=spaces)


def test_room_for_one_more_kernel_and_image() -> None:
    assert not found(recorded("healthy-separate-boot"), LOW)
    assert not found(room(60 * MIB), LOW)
    assert severities(room(20 * MIB), LOW) == [Severity.AT_RISK]


def test_room_on_the_root_file_system_has_a_floor() -> None:
    def root(free: int, inodes_free: int = 90000) -> BootState:
        spaces = tuple(Space(target, 20 << 30, free, 100000, inodes_free) for target in ("/", "/boot"))
        return healthy(space=spaces)

    assert not found(root(400 * MIB), LOW)
    assert severities(root(150 * MIB), LOW) == [Severity.AT_RISK]
    assert severities(root(400 * MIB, inodes_free=100), LOW) == [Severity.AT_RISK]
    assert severities(healthy(space=()), LOW) == [Severity.UNKNOWN]


def test_a_small_root_is_no_alarm_where_usr_is_a_file_system_of_its_own() -> None:
    small, usr = Space("/", 200 << 20, 180 << 20, 51200, 50000), Space("/usr", 2 << 30, 1 << 30, 120000, 90000)
    boot = Space("/boot", 300 << 20, 200 << 20, 65536, 65000)
    state = replace(recorded("healthy-separate-boot"), space=(small, boot, usr))
    assert severities(state, LOW) == []
    assert severities(replace(state, space=(small, boot)), LOW) == [Severity.AT_RISK]
    full = replace(usr, free_bytes=100 << 20)
    assert [f.subject for f in found(replace(state, space=(small, boot, full)), LOW)] == ["/usr"]
    without = replace(usr, inodes_free=4000)
    assert [f.subject for f in found(replace(state, space=(small, boot, without)), LOW)] == ["/usr"]


def test_boot_without_inodes_has_no_room_either() -> None:
    assert severities(room(200 * MIB, inodes_free=3), LOW) == [Severity.AT_RISK]
