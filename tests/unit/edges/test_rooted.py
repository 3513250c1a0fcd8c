"""A mounted root: mount points are named from there, and blkid's answer leads to the reads that lsblk's would have."""

from __future__ import annotations

import json
from pathlib import Path

from bootkeep.edges.collect import collect
from bootkeep.edges.rooted import mountpoints_below
from bootkeep.facts.reading import Reading, Status
from bootkeep.probes.boot_probes import BOOT_PROBES
from bootkeep.probes.read import Read
from bootkeep.probes.storage.block import BLKID, LSBLK


def test_mount_points_are_the_roots_own_and_those_outside_are_none() -> None:
    disk = {
        "name": "sdb",
        "mountpoints": [None],
        "children": [
            {"name": "sdb1", "mountpoints": ["/mnt/target/boot"]},
            {"name": "sdb2", "mountpoints": ["/mnt/target", "/mnt/copy"]},
            {"name": "sdb3", "mountpoints": ["/mnt/targeted"]},
        ],
    }
    rescue = {"name": "sda1", "mountpoints": ["/"]}
    found = json.loads(mountpoints_below(json.dumps({"blockdevices": [disk, rescue]}), Path("/mnt/target/")))
    first, second = found["blockdevices"]
    assert [part["mountpoints"] for part in first["children"]] == [["/boot"], ["/"], [None]]
    assert second["mountpoints"] == [None]


def test_an_older_lsblk_has_one_mount_point_a_device() -> None:
    found = json.loads(mountpoints_below('{"blockdevices": [{"name": "a", "mountpoint": "/mnt"}]}', Path("/mnt")))
    assert found["blockdevices"][0]["mountpoints"] == ["/"]


def test_what_is_no_tree_stays_as_it_is() -> None:
    for text in ("", "[]", '{"blockdevices": 3}', "{" * 5000, '{"blockdevices": [1]}'):
        assert mountpoints_below(text, Path("/mnt")) == text


class WithoutUdev:
    """A machine whose lsblk knows no UUID: blkid does."""

    name = "rescue"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def answer(self, read: Read) -> Reading:
        """lsblk and blkid; the rest is not there."""
        self.asked.append(read.key)
        if read.key == LSBLK.key:
            part = {"name": "vda1", "path": "/dev/vda1", "type": "part", "size": 1, "mountpoints": ["/"]}
            disk = {
                "name": "vda",
                "path": "/dev/vda",
                "type": "disk",
                "size": 1,
                "mountpoints": [None],
                "children": [part],
            }
            crypt = {"name": "vdb", "path": "/dev/vdb", "type": "disk", "size": 1, "mountpoints": [None]}
            return Reading(Status.OK, json.dumps({"blockdevices": [disk, crypt]}))
        if read.key == BLKID.key:
            return Reading(
                Status.OK, "DEVNAME=/dev/vda1\nUUID=1\nTYPE=ext4\n\nDEVNAME=/dev/vdb\nUUID=2\nTYPE=crypto_LUKS\n"
            )
        return Reading(Status.ABSENT)


def test_what_only_blkid_tells_is_followed_up() -> None:
    host = WithoutUdev()
    collect(host, BOOT_PROBES)
    assert "native:luks:/dev/vdb" in host.asked
    assert "native:boot-sector:/dev/vda" in host.asked
    assert len(host.asked) == len(set(host.asked))
