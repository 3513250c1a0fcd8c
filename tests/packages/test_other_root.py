"""A package manager that works on another root than this host's: neither recorded nor refused."""

from __future__ import annotations

import pytest

from .conftest import Machine

pytestmark = pytest.mark.lab


def other_root(machine: Machine) -> None:
    """An empty root below /other, as an image builder begins."""
    done = machine(
        "mkdir -p /other/var/lib/dpkg/info /other/var/lib/dpkg/updates /other/etc/apt /other/var/lib/apt/lists/partial "
        "/other/var/cache/apt/archives/partial /other/var/log/apt /other/tmp && : >/other/var/lib/dpkg/status"
    )
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize(
    "options",
    [
        "-o Dir=/other -o DPkg::Options::=--root=/other",
        "-o Dir::State::status=/other/var/lib/dpkg/status -o DPkg::Options::=--root=/other",
    ],
)
def test_apt_on_another_root_leaves_no_record(machine: Machine, options: str) -> None:
    other_root(machine)
    path = machine.deb("omega", "1")
    machine(f"apt-get -qy {options} install {path}")
    status = machine("cat /other/var/lib/dpkg/status; rm -rf /other").stdout
    assert "Package: omega" in status
    assert machine.transactions() == []


def test_dpkg_on_another_root_leaves_no_record(machine: Machine) -> None:
    other_root(machine)
    path = machine.deb("omega", "1")
    machine(f"dpkg --root=/other -i {path}; DPKG_ROOT= dpkg --root /other -P omega")
    machine("rm -rf /other")
    assert machine.transactions() == []
