"""Mounts, fstab, lsblk and blkid."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.facts.unknown import Unknown
from bootkeep.probes.storage.block import BLKID, LSBLK, block_devices, luks_header, parse_blkid, parse_lsblk
from bootkeep.probes.storage.mounts import parse_fstab, parse_mountinfo, unescape


def test_fstab_with_spaces_comments_and_odd_lines() -> None:
    lines, odd = parse_fstab(
        "# /etc/fstab\nUUID=a / ext4 errors=remount-ro 0 1\n\n/dev/sdb1 /mnt/two\\040words vfat noauto,ro\nbroken\n"
        "UUID=b relative ext4\nUUID=c /two\nUUID=d /pass ext4 defaults 0 q\nUUID=e none swap\nUUID=f\u00a0/nbsp ext4 defaults\r\n"
    )
    assert [(line.number, line.spec, line.target, line.passno) for line in lines] == [
        (2, "UUID=a", "/", 1),
        (4, "/dev/sdb1", "/mnt/two words", 0),
        (7, "UUID=c", "/two", 0),
        (8, "UUID=d", "/pass", 0),
        (9, "UUID=e", "none", 0),
    ]
    assert lines[2].file_system == "auto"
    assert lines[1].options == ("noauto", "ro")
    assert [each.partition(": ")[0] for each in odd] == ["/etc/fstab:5", "/etc/fstab:6", "/etc/fstab:10"]


def test_only_the_blanks_of_getmntent_divide_and_only_a_newline_ends_a_line() -> None:
    lines, odd = parse_fstab(
        "# a comment\x0cUUID=x /live ext4 defaults 0 2\u2028UUID=y /live2 ext4\n\t UUID=a\t \t/a\text4\n"
    )
    assert [(line.number, line.spec, line.target) for line in lines] == [(2, "UUID=a", "/a")] and not odd
    (mount,) = parse_mountinfo("1 0 8:1 / /mnt/a\u2028b\u00a0c rw - ext4 /dev/vda1 rw\n")
    assert mount.target == "/mnt/a\u2028b\u00a0c"


@given(st.text())
def test_no_fstab_crashes_it(text: str) -> None:
    lines, odd = parse_fstab(text)
    assert len(lines) + len(odd) <= text.count("\n") + 1


@given(st.text())
def test_no_mountinfo_crashes_it(text: str) -> None:
    try:
        parse_mountinfo(text)
    except NotUnderstood as error:
        assert "mountinfo" in str(error)


def test_escapes() -> None:
    assert unescape(r"a\040b\011c\134d") == "a b\tc\\d"
    assert unescape(r"caf\303\251") == "café"


def test_this_machines_own_mounts() -> None:
    mounts = parse_mountinfo(Path("/proc/self/mountinfo").read_text())
    assert any(mount.target == "/" for mount in mounts)


TREE = {
    "blockdevices": [
        {"name": "sda", "path": "/dev/sda", "type": "disk", "size": 10, "rm": False, "children": [
            {"name": "md0", "path": "/dev/md0", "type": "raid1", "uuid": "U", "fstype": "ext4", "mountpoints": ["/", None]}]},
        {"name": "sdb", "path": "/dev/sdb", "type": "disk", "size": "10", "children": [
            {"name": "md0", "path": "/dev/md0", "type": "raid1", "uuid": "U"}]},
    ]
}  # fmt: skip


def test_a_device_on_two_disks_is_one_row() -> None:
    devices = parse_lsblk(json.dumps(TREE), {"sda": ("/dev/disk/by-id/ata-1",)})
    assert [device.name for device in devices] == ["sda", "md0", "sdb"]
    assert devices[1].parents == ("sda", "sdb") and devices[1].mountpoints == ("/",)
    assert devices[0].persistent_links == ("/dev/disk/by-id/ata-1",)


BARE = json.dumps({"blockdevices": [{"name": "vda1", "path": "/dev/vda1", "type": "part", "uuid": None}]})


def test_without_udev_blkid_names_the_devices() -> None:
    answers = {LSBLK.key: Reading(Status.OK, BARE)}
    assert isinstance(block_devices(Readings(answers)), Unknown)
    answers[BLKID.key] = Reading(Status.OK, "DEVNAME=/dev/vda1\nUUID=U-1\nLABEL=two\\ words\nTYPE=ext4\n")
    devices = block_devices(Readings(answers))
    assert isinstance(devices, tuple) and (devices[0].uuid, devices[0].label) == ("U-1", "two words")


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"blockdevices": 3}', '{"blockdevices": [3]}', '{"blockdevices": []}']
)
def test_a_damaged_answer_is_unknown(text: str) -> None:
    assert isinstance(block_devices(Readings({LSBLK.key: Reading(Status.OK, text)})), Unknown)


@given(st.text())
def test_no_blkid_crashes_it(text: str) -> None:
    assert all("DEVNAME" in values for values in parse_blkid(text).values())


def test_what_lies_on_the_device_counts_and_not_what_udev_remembers() -> None:
    """A LUKS volume got another UUID while udev did not notice: its crypttab was called right (a false GO)."""
    row = {
        "name": "vda2",
        "path": "/dev/vda2",
        "type": "part",
        "fstype": "crypto_LUKS",
        "uuid": "old",
        "mountpoints": [],
    }
    answers = {LSBLK.key: Reading(Status.OK, json.dumps({"blockdevices": [row]}))}
    asked = {BLKID.key: Reading(Status.OK, "DEVNAME=/dev/vda2\nUUID=new\nTYPE=crypto_LUKS\n")}
    header = {luks_header("/dev/vda2").key: Reading(Status.OK, '{"version": 2, "uuid": "newest"}')}
    broken = {luks_header("/dev/vda2").key: Reading(Status.OK, '{"uuid": 7}')}
    for more, uuid in ((broken, "old"), (asked, "new"), (header, "newest"), (asked | header, "newest")):
        found = block_devices(Readings(answers | more))
        assert isinstance(found, tuple) and [device.uuid for device in found] == [uuid]
