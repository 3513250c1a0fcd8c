"""rpm's database as facts: kernels by what they provide, leftovers of a killed upgrade, and whose database counts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.probes.packages import installed, rpm

ROCKY = 'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n'
KERNEL = ["installonlypkg(kernel)", "kernel-core-uname-r", "kernel-uname-r"]


def row(name: str, version: str, *provides: str) -> dict[str, Any]:
    return {"name": name, "arch": "x86_64", "version": version, "installed": "1", "provides": list(provides)}


def readings(*rows: dict[str, Any], owners: dict[str, Any] | None = None, os_release: str = ROCKY) -> Readings:
    answer = json.dumps({"packages": rows, "owners": owners or {}})
    return Readings(
        {
            "file:/etc/os-release": Reading(Status.OK, os_release),
            rpm.DATABASE.key: Reading(Status.OK, answer),
            "file:/var/lib/dpkg/status": Reading(
                Status.OK, "Package: a\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n"
            ),
        }
    )


def test_kernels_stand_side_by_side_and_are_no_leftovers() -> None:
    """By their own word, whatever they are called."""
    found = rpm.packages_of(readings(row("kernel6.12", "6.12.0-1", *KERNEL), row("kernel6.12", "6.12.0-2", *KERNEL)))
    assert isinstance(found, tuple)
    assert [(each.state, each.side_by_side, each.settled) for each in found] == [("installed", True, True)] * 2


def test_of_a_package_that_is_there_twice_the_older_is_a_leftover() -> None:
    """What a killed rpm leaves behind; rpm's own order decides which."""
    found = rpm.packages_of(readings(row("glibc", "2.34-100.el9"), row("glibc", "2.34-60.el9"), row("bash", "5-1")))
    assert isinstance(found, tuple)
    assert [(each.name, each.version) for each in found if not each.settled] == [("glibc", "2.34-60.el9")]


def test_keys_may_be_there_twice() -> None:
    """rpm keeps the keys that it trusts as packages."""
    found = rpm.packages_of(readings(row("gpg-pubkey", "1-1"), row("gpg-pubkey", "2-2")))
    assert isinstance(found, tuple) and all(each.settled for each in found)


def test_the_family_decides_whose_database_counts() -> None:
    """rpm may be installed on Debian, and dpkg on a Rocky."""
    both = readings(row("bash", "5-1"))
    found = installed.packages_of(both)
    assert isinstance(found, tuple) and found[0].name == "bash"
    debian = installed.packages_of(readings(row("bash", "5-1"), os_release="ID=debian\n"))
    assert isinstance(debian, tuple) and debian[0].name == "a"
    assert installed.unmerged_updates(both) == Absent("/var/lib/dpkg/updates")


def test_the_owner_of_a_kernel_is_found_by_its_modules_where_the_image_is_a_copy() -> None:
    """EL copies /lib/modules/<release>/vmlinuz to /boot."""
    owned = {"/lib/modules/5.14.0-1.x86_64/vmlinuz": [["kernel-core", "x86_64", "5.14.0-1"]]}
    found = installed.owners_of_boot(readings(row("kernel-core", "5.14.0-1", *KERNEL), owners=owned))
    assert isinstance(found, installed.BootOwners)
    assert found.of("/boot/vmlinuz-5.14.0-1.x86_64", "5.14.0-1.x86_64") == (("kernel-core", "x86_64", "5.14.0-1"),)
    assert found.of("/boot/vmlinuz-6", "6") == ()


@given(st.text(max_size=60) | st.sampled_from(['{"packages": 1}', '{"packages": [{}], "owners": {}}', "[]", "{}"]))
def test_a_damaged_answer_is_unknown_and_never_empty(text: str) -> None:
    """Could not look is not nothing installed."""
    damaged = Readings({"file:/etc/os-release": Reading(Status.OK, ROCKY), rpm.DATABASE.key: Reading(Status.OK, text)})
    assert isinstance(installed.packages_of(damaged), Unknown)


@pytest.mark.parametrize("text", ["[]", "{}", '{"packages": 1}', '{"owners": {"/boot/x": [[]]}}'])
def test_owners_that_were_not_understood_are_unknown(text: str) -> None:
    """A kernel without an owner would be another finding."""
    damaged = Readings({"file:/etc/os-release": Reading(Status.OK, ROCKY), rpm.DATABASE.key: Reading(Status.OK, text)})
    assert isinstance(installed.owners_of_boot(damaged), Unknown)
