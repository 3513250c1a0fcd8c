"""Beside, never over the last way back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.unknown import Unknown
from bootkeep.flows.kernel_install import dangers, installed_version, parse_simulation, plan_kernel_install
from bootkeep.flows.planned import Planned
from unit.flows.salt_machine import NEW, OLD, boot_file, kernel, machine

SIMULATION = f"""\
NOTE: This is only a simulation!
Inst linux-image-{OLD} [6.1.176-1] (6.1.192-2 Debian-Security:12/oldstable-security [amd64])
Inst linux-image-6.1.0-56-cloud-amd64 (6.1.195-1 Debian-Security:12/oldstable-security [amd64])
Remv hello [2.10-3]
Conf linux-image-{OLD} (6.1.192-2 Debian-Security:12/oldstable-security [amd64])
"""


def test_a_simulation_is_read() -> None:
    """Upgrades, new packages and removals."""
    assert parse_simulation(SIMULATION) == (
        Planned("Inst", f"linux-image-{OLD}", "6.1.176-1", "6.1.192-2"),
        Planned("Inst", "linux-image-6.1.0-56-cloud-amd64", "", "6.1.195-1"),
        Planned("Remv", "hello", "2.10-3", ""),
    )


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    """apt's notes and translations are no plan and no error."""
    parse_simulation(text)


def test_an_upgrade_in_place_of_the_last_good_kernel_is_a_danger_until_it_is_preserved() -> None:
    """The preserved image has the same digest: then the way back lives on."""
    planned = (Planned("Inst", f"linux-image-{OLD}", "1", "2"),)
    assert "last-good" in dangers(machine(), planned)[0]
    copy = replace(
        kernel(OLD, preserved=True), image=boot_file("/boot/bootkeep/x/vmlinuz", sha256=f"/boot/vmlinuz-{OLD}")
    )
    assert dangers(machine(kernels=(kernel(NEW), kernel(OLD), copy)), planned) == ()


def test_removing_what_runs_is_a_danger_and_a_new_release_is_none() -> None:
    """Installing beside is the whole point."""
    assert "removed" in dangers(machine(), (Planned("Remv", f"linux-image-{NEW}", "1", ""),))[0]
    assert dangers(machine(), (Planned("Inst", "linux-image-6.1.0-56-cloud-amd64", "", "3"),)) == ()


def test_the_only_bootable_kernel_is_a_way_back_whatever_else_it_is() -> None:
    """One kernel, replaced in place: the story this project ends."""
    only = machine(kernels=(kernel(OLD),), running_release="another", last_good=Unknown("not recorded"))
    assert "only kernel" in dangers(only, (Planned("Inst", f"linux-image-{OLD}", "1", "2"),))[0]


@pytest.mark.parametrize(("name", "version"), [("-o=Dpkg::Pre-Invoke::=id", ""), ("hello;id", ""), ("hello", "1 2")])
def test_what_is_no_package_never_reaches_apt(name: str, version: str) -> None:
    """An option in pillar is not an argument."""
    with pytest.raises(BootkeepError, match="no package name"):
        plan_kernel_install(machine(), name, version)


def test_an_installed_version_is_found_and_ignorance_is_an_error() -> None:
    """Absent is an answer, Unknown is none."""
    assert installed_version(machine(), f"linux-image-{OLD}") == "1"
    assert installed_version(machine(), "hello") == ""
    assert plan_kernel_install(machine(), f"linux-image-{OLD}", "") == ()
    with pytest.raises(BootkeepError):
        installed_version(machine(packages=Unknown("no status")), "hello")
