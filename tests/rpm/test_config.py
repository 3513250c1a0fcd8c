"""Configuration that a package replaces or leaves alone: copied before, classed, named after its package, put back.

acmed ships ``%config(noreplace) keep.conf`` and ``%config replaced.conf``; both are edited here, and one file is nobody's.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import UNTIL_CLOSED, RpmMachine

pytestmark = pytest.mark.lab
MINE = "# edited by hand, change 4711\nport = 9\n"
RPM = "rpm -Uvh /srv/rpms/updates/acmed-*.rpm"


def _edit(machine: RpmMachine) -> None:
    for name in ("keep.conf", "replaced.conf"):
        (machine.root / "etc/acmed" / name).write_text(MINE)


def _report(machine: RpmMachine) -> dict[str, dict[str, Any]]:
    """The report's lines about configuration, by path."""
    return {row["key"]: row for row in _changes(machine) if row["family"] == "config"}


def _changes(machine: RpmMachine) -> list[dict[str, Any]]:
    done = machine("bootkeep report last --format json")
    assert done.stdout.startswith("{"), done.stderr
    return [row for section in json.loads(done.stdout)["sections"] for row in section["changes"]]


def _told_and_put_back(machine: RpmMachine, command: str) -> None:
    _edit(machine)
    done = machine(command)
    assert done.exit_code in {0, 102}, done.stdout + done.stderr
    folder = machine.root / "etc/acmed"
    # What rpm itself did, so that the rest proves something.
    assert (folder / "replaced.conf").read_text() != MINE
    assert (folder / "replaced.conf.rpmsave").read_text() == MINE
    assert (folder / "keep.conf").read_text() == MINE
    assert (folder / "keep.conf.rpmnew").read_text() != MINE
    rows = _report(machine)
    replaced, kept = rows["/etc/acmed/replaced.conf"], rows["/etc/acmed/keep.conf.rpmnew"]
    assert (replaced["change_class"], replaced["package"]) == ("config-replaced", "acmed"), replaced
    assert replaced["sentence"].startswith("acmed 2.0-1"), replaced
    assert replaced["sentence"].endswith("your version is /etc/acmed/replaced.conf.rpmsave"), replaced
    assert (kept["change_class"], kept["package"]) == ("config-kept", "acmed"), kept
    assert "/etc/acmed/keep.conf" not in rows
    assert rows["/etc/acmed/replaced.conf.rpmsave"]["package"] == "acmed"
    shown = machine("bootkeep report last --diff /etc/acmed/replaced.conf")
    assert "-# edited by hand, change 4711" in shown.stdout, shown.stdout + shown.stderr
    theirs = (folder / "replaced.conf").read_bytes()
    done = machine("bootkeep restore-config last --apply")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert (folder / "replaced.conf").read_text() == MINE
    assert (folder / "replaced.conf.bootkeep-old").read_bytes() == theirs


def test_rpm(el9: RpmMachine) -> None:
    _told_and_put_back(el9, RPM)


def test_dnf(el9: RpmMachine) -> None:
    _told_and_put_back(el9, "dnf -y upgrade acmed")


def test_zypper(suse15: RpmMachine) -> None:
    _told_and_put_back(suse15, "zypper -n up acmed")


def test_what_the_package_says_of_its_other_files_counts_as_well(el9: RpmMachine) -> None:
    """The SUID program and the unit are the package's, by rpm's own list."""
    (el9.root / "usr/bin/acme-helper").chmod(0o755)
    done = el9(RPM)
    assert done.exit_code == 0, done.stderr
    (row,) = (row for row in _changes(el9) if row["family"] == "special file")
    assert (row["key"], row["package"]) == ("/usr/bin/acme-helper", "acmed"), row


def test_a_package_that_goes_leaves_an_edited_file_behind(el9: RpmMachine) -> None:
    """rpm -e renames what was edited to .rpmsave; the copy from before brings it back under its own name.

    rpm runs no trigger after it, so the record is closed by what waits for the end of rpm.
    """
    _edit(el9)
    done = el9(f"rpm -e acmed{UNTIL_CLOSED}")
    assert done.exit_code == 0, done.stderr
    folder = el9.root / "etc/acmed"
    assert (folder / "keep.conf.rpmsave").read_text() == MINE and not (folder / "keep.conf").exists()
    rows = _report(el9)
    assert rows.get("/etc/acmed/keep.conf", {}).get("package") == "acmed", (
        rows,
        el9.log(),
        el9("bootkeep report last").stdout,
    )
    done = el9("bootkeep restore-config last /etc/acmed/keep.conf --apply")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert (folder / "keep.conf").read_text() == MINE
