"""Timeouts, disks below /boot, EFI partitions, loaders that are present; DKMS and apt's automatic packages."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.facts.loaders import Esp, GrubTimeouts
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.facts.surroundings import DkmsModule
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.probes.bootloaders.grub_cfg import Included
from bootkeep.probes.bootloaders.loaders import LOADERS, loaders, timeouts_of
from bootkeep.probes.machine.surroundings import DKMS, EXTENDED_STATES, INIT, surroundings
from bootkeep.probes.storage.block import LSBLK
from bootkeep.rules.kernel_flavour_changes import flavour_of
from bootkeep.rules.sbat_revoked import generations

UBUNTU = """
if [ "${recordfail}" = 1 ] ; then
  set timeout=30
else
  if [ x$feature_timeout_style = xy ] ; then
    set timeout_style=hidden
    set timeout=0
  else
    set timeout=0
  fi
fi
"""


def waits(text: str, **environment: str) -> tuple[int | None, int | None]:
    found = timeouts_of(text, environment)
    assert isinstance(found, GrubTimeouts)
    return found.ordinary, found.after_failure


def test_the_branch_after_a_failed_boot_is_its_own() -> None:
    assert waits(UBUNTU) == (0, 30)
    assert waits(UBUNTU, recordfail="1") == (0, 30)
    assert waits(UBUNTU.replace("=30", "=-1")) == (0, -1)


@pytest.mark.parametrize(
    ("text", "ordinary"),
    [
        ("set timeout=-1\n", -1),
        ("", None),
        ("timeout=7", 7),  # no "set" is needed
        ('set timeout="5"', 5),
        ("set timeout=5s", 5),  # strtoul() stops at the letter
        ("set timeout=", -1),  # no number: as without
        ("set timeout=soon", -1),
        ("set timeout=5\nset timeout=-1", -1),
        ("set timeout=-1\nset timeout=5", 5),
        ("set timeout=5\nif [ -f /x ]; then set timeout=-1; fi", -1),
        ("w=-1\nset timeout=$w", -1),
        ("menuentry a {\nset timeout=-1\n}\nset timeout=3", 3),
        ("set timeout=$grub_cpu", 0),  # nobody can tell
    ],
)
def test_how_long_the_menu_waits(text: str, ordinary: int | None) -> None:
    assert waits(text) == (ordinary, None)


def test_an_own_file_that_the_menu_sources_has_the_last_word() -> None:
    text = "set timeout=5\nif [ -f $prefix/custom.cfg ]; then source $prefix/custom.cfg; fi\n"
    assert waits(text) == (5, None)
    found = timeouts_of(text, {}, [Included("/boot/grub/custom.cfg", "set timeout=-1")])
    assert isinstance(found, GrubTimeouts) and found.ordinary == -1


@given(st.text())
def test_no_menu_crashes_it(text: str) -> None:
    timeouts_of(text, {})
    generations(text)
    flavour_of(text)


def node(name: str, kind: str, **more: object) -> dict[str, object]:
    return {"name": name, "path": f"/dev/{name}", "type": kind, "size": 1, "mountpoints": [], "uuid": "u"} | more


MIRROR = node("md0", "raid1", fstype="ext4", mountpoints=["/"])
ESP = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
DISKS = [
    node(
        disk,
        "disk",
        children=[
            node(
                f"{disk}1",
                "part",
                parttype=ESP,
                partuuid=f"p-{disk}",
                mountpoints=["/boot/efi"] if disk == "vda" else [],
            ),
            node(f"{disk}2", "part", fstype="linux_raid_member", children=[MIRROR]),
        ],
    )
    for disk in ("vda", "vdb")
]


def two_disks(**more: str) -> Readings:
    answers = {LSBLK.key: json.dumps({"blockdevices": DISKS})} | more
    return Readings({key: Reading(Status.OK, text) for key, text in answers.items()})


def test_both_disks_and_both_partitions_are_asked() -> None:
    keys = {read.key for read in LOADERS.follow_ups(two_disks())}
    assert keys == {
        "native:esp:/dev/vda1|/boot/efi",
        "native:esp:/dev/vdb1",
        "native:boot-sector:/dev/vda",
        "native:boot-sector:/dev/vdb",
    }


def test_what_was_not_read_is_unknown_and_the_rest_is_there() -> None:
    row = {"path": "EFI/systemd/systemd-bootx64.efi", "size": 1, "sha256": "a", "signed": True, "sbat": ""}
    found = loaders(two_disks(**{"native:esp:/dev/vdb1": json.dumps({"files": [row], "texts": {}})}))
    assert isinstance(found.esps, tuple) and isinstance(found.esps[0], Unknown)
    second = found.esps[1]
    assert isinstance(second, Esp) and second.partition_uuid == "p-vdb"
    assert second.file("efi/SYSTEMD/systemd-bootx64.EFI") is not None
    assert found.present == ("systemd-boot",)
    assert isinstance(found.sectors, tuple) and all(isinstance(each, Unknown) for each in found.sectors)


@pytest.mark.parametrize("text", ["[]", "{}", '{"files": 1, "texts": {}}', '{"files": [{}], "texts": {}}', "nonsense"])
def test_an_answer_that_makes_no_sense_is_unknown(text: str) -> None:
    found = loaders(two_disks(**{"native:esp:/dev/vdb1": text}))
    assert isinstance(found.esps, tuple) and isinstance(found.esps[1], Unknown)


@pytest.mark.parametrize(
    ("release", "flavour"),
    [
        ("6.1.0-56-cloud-amd64", "cloud-amd64"),
        ("6.8.0-31-generic", "generic"),
        ("6.12.43+deb13-amd64", "amd64"),
        ("6.12.43+deb13-cloud-amd64", "cloud-amd64"),
        ("6.1.0", ""),
        ("6.9.0-rc3", ""),
    ],
)
def test_flavours(release: str, flavour: str) -> None:
    assert flavour_of(release) == flavour


def test_generations_of_sbat() -> None:
    assert generations("sbat,1,SBAT Version,x\ngrub,4,y\nodd\ngrub.debian,x\n") == {"sbat": 1, "grub": 4}


def test_modules_of_dkms_and_automatic_packages() -> None:
    rows = [
        {"path": "/var/lib/dkms/zfs/2.1.11", "type": "dir"},
        {
            "path": "/var/lib/dkms/zfs/kernel-6.1.0-47-amd64-x86_64",
            "type": "link",
            "target": "2.1.11/6.1.0-47-amd64/x86_64",
        },
        {"path": "/var/lib/dkms/r8125/9.0", "type": "dir"},
    ]
    readings = Readings(
        {
            DKMS.key: Reading(Status.OK, json.dumps(rows)),
            EXTENDED_STATES.key: Reading(Status.OK, "Package: a\nAuto-Installed: 1\n\nPackage: b\nAuto-Installed: 0\n"),
            INIT.key: Reading(Status.OK, '{"program": "/sbin/init", "missing": [], "problem": "no ELF"}'),
        }
    )
    around = surroundings(readings)
    assert around.dkms == (DkmsModule("r8125", "9.0", ()), DkmsModule("zfs", "2.1.11", ("6.1.0-47-amd64",)))
    assert around.automatic == frozenset({"a"})
    assert isinstance(around.init, Unknown)
    assert isinstance(surroundings(Readings({DKMS.key: Reading(Status.ABSENT)})).dkms, Absent)
