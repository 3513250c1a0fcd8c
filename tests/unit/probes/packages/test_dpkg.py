"""dpkg's status file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.edges.host import LiveHost
from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.probes.packages.dpkg import BOOT_OWNERS, STATUS, owners_of_boot, packages_of, parse_status

TEXT = """Package: linux-image-6.1.0-56-cloud-amd64
Status: install ok half-configured
Architecture: amd64
Version: 6.1.192-2
Description: Linux
 Package: not-a-field
 .

Package: libc6
Status: hold ok installed
Architecture: amd64
Multi-Arch: same
Version: 2.36-9
"""


def test_states_and_holds() -> None:
    libc, kernel = parse_status(TEXT)
    assert (libc.name, libc.wanted, libc.settled) == ("libc6", "hold", True)
    assert (kernel.state, kernel.settled, kernel.version) == ("half-configured", False, "6.1.192-2")


def test_this_machines_own_status_file() -> None:
    packages = parse_status(Path("/var/lib/dpkg/status").read_text(encoding="utf-8"))
    assert any(package.name == "dpkg" and package.settled for package in packages)


def test_a_file_cut_in_half_is_unknown() -> None:
    cut = Readings({STATUS.key: Reading(Status.OK, TEXT[: TEXT.index("Status: hold")])})
    assert isinstance(packages_of(cut), Unknown)
    assert isinstance(packages_of(Readings({STATUS.key: Reading(Status.OK, "")})), Unknown)
    assert isinstance(packages_of(Readings({STATUS.key: Reading(Status.ABSENT)})), Absent)
    assert isinstance(packages_of(Readings({STATUS.key: Reading(Status.DENIED)})), Unknown)


@given(st.text())
def test_no_text_crashes_it(text: str) -> None:
    try:
        parse_status(text)
    except NotUnderstood as error:
        assert str(error)


def test_owners_come_from_the_lists(tmp_path: Path) -> None:
    info = tmp_path / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    (info / "linux-image-x.list").write_text("/.\n/boot\n/boot/vmlinuz-x\n/lib\n")
    (info / "libc6:amd64.list").write_text("/.\n/lib/libc.so.6\n/usr/share/boot/readme\n")
    reading = LiveHost(tmp_path).answer(BOOT_OWNERS)
    assert json.loads(reading.text) == {"/boot/vmlinuz-x": ["linux-image-x"]}
    assert owners_of_boot(Readings({BOOT_OWNERS.key: reading})) == {"/boot/vmlinuz-x": (("linux-image-x", ""),)}


@pytest.mark.parametrize("text", ["[]", "{", '{"a": 3}', "null"])
def test_damaged_owners_are_unknown(text: str) -> None:
    assert isinstance(owners_of_boot(Readings({BOOT_OWNERS.key: Reading(Status.OK, text)})), Unknown)
