"""A mounted root answers from its own files, never from the rescue system around it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bootkeep.edges.host import LiveHost
from bootkeep.facts.reading import Status
from bootkeep.probes.read import Command, Digest, File, Listing, Read


@pytest.mark.parametrize(
    "read",
    [File("/proc/version"), Listing("/sys/firmware/efi/*"), Digest("/proc/cmdline"), File("/run/systemd/container"),
     Command(("efibootmgr-is-not-asked",))],
)  # fmt: skip
def test_the_running_system_is_not_the_mounted_root(tmp_path: Path, read: Read) -> None:
    assert LiveHost(tmp_path).answer(read).status is Status.NOT_TAKEN


def test_files_come_from_below_the_root_even_with_an_odd_name(tmp_path: Path) -> None:
    root = tmp_path / "odd [name]*"
    (root / "boot").mkdir(parents=True)
    (root / "boot/.hidden").write_text("x")
    rows = json.loads(LiveHost(root).answer(Listing("/boot/*")).text)
    assert [row["path"] for row in rows] == ["/boot/.hidden"]
    assert LiveHost(root).answer(File("/boot/.hidden")).text == "x"


def test_devices_are_the_machines(tmp_path: Path) -> None:
    rows = json.loads(LiveHost(tmp_path).answer(Listing("/dev/nul*")).text)
    assert [row["path"] for row in rows] == ["/dev/null"]


def test_a_listing_asks_no_link_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "etc/real/.git").mkdir(parents=True)
    (tmp_path / "etc/real/file").write_text("x")
    (tmp_path / "etc/real/.git/HEAD").write_text("x")
    (tmp_path / "etc/everything").symlink_to("/")
    rows = json.loads(LiveHost(tmp_path).answer(Listing("/etc/**")).text)
    assert {row["path"]: row["type"] for row in rows} == {
        "/etc/everything": "link",
        "/etc/real": "dir",
        "/etc/real/file": "file",
    }
