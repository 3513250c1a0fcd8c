"""The running kernel, modules trees and links in /boot."""

from __future__ import annotations

import json

import pytest

from bootkeep.facts.kernel import LastGood
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.probes.kernels.images import HEADERS, ImageHeader, image_headers, resolve
from bootkeep.probes.kernels.modules import TREES, module_names, modules_trees
from bootkeep.probes.kernels.running import (
    LAST_GOOD,
    build_of,
    console_arguments,
    debian_version_of,
    last_good,
)

PROC = "Linux version 6.1.0-56-amd64 (d@debian) (gcc-12 (Debian 12.2.0-14) 12.2.0) #1 SMP Debian 6.1.192-2 (2026-11-16)"
HEADER = "6.1.0-56-amd64 (d@debian) #1 SMP Debian 6.1.192-2 (2026-11-16)"


def test_proc_and_the_image_name_one_build_in_the_same_words() -> None:
    assert build_of(PROC) == build_of(HEADER) == "#1 SMP Debian 6.1.192-2 (2026-11-16)"
    assert debian_version_of(PROC) == "6.1.192-2", "not the compiler's version"
    assert debian_version_of("Linux version 6.8.0-31-generic (b) (gcc) #31-Ubuntu SMP Sat Apr 20") == ""
    assert build_of("no number sign") == ""


def test_release_of_an_image_comes_from_its_header() -> None:
    assert ImageHeader("/boot/odd", HEADER, "").release == "6.1.0-56-amd64"
    assert ImageHeader("/boot/vmlinuz-6.1.0-56-arm64", "", "").release == "6.1.0-56-arm64"


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"path": "/boot/x"}]'])
def test_damaged_answers_are_unknown(text: str) -> None:
    assert isinstance(image_headers(Readings({HEADERS.key: Reading(Status.OK, text)})), Unknown)
    assert isinstance(last_good(Readings({LAST_GOOD.key: Reading(Status.OK, text)})), Unknown)


def test_the_record_of_the_last_good_kernel() -> None:
    plain = {"release": "r", "package_version": "1", "image_sha256": "a", "boot_id": "b", "proven_at": "t"}
    assert last_good(Readings({LAST_GOOD.key: Reading(Status.OK, json.dumps(plain))})) == LastGood(
        "r", "1", "a", "b", "t"
    )
    assert isinstance(last_good(Readings({LAST_GOOD.key: Reading(Status.ABSENT)})), Absent)


def test_builtin_names() -> None:
    assert module_names("kernel/fs/ext4/ext4.ko\nkernel/drivers/virtio/virtio-blk.ko.xz\nodd\n") == {
        "ext4",
        "virtio_blk",
    }


def test_a_remnant_is_no_whole_tree() -> None:
    rows = [
        {"path": "/lib/modules/a/modules.dep", "type": "file", "size": 9},
        {"path": "/lib/modules/a/kernel", "type": "dir", "size": 9},
        {"path": "/lib/modules/b/modules.dep", "type": "file", "size": 0},
        {"path": "/lib/modules/b/updates", "type": "dir", "size": 9},
    ]
    trees = modules_trees(Readings({TREES.key: Reading(Status.OK, json.dumps(rows))}))
    assert isinstance(trees, Unknown), "the other folders were not looked at"
    others = {f"listing:{pattern}": Reading(Status.ABSENT) for pattern in ("/usr/lib/modules/*/*",)}
    others["listing:/usr/lib/bootkeep/preserved/*/modules/*"] = Reading(Status.ABSENT)
    trees = modules_trees(Readings({TREES.key: Reading(Status.OK, json.dumps(rows)), **others}))
    assert isinstance(trees, dict)
    assert (trees["/lib/modules/a"].has_modules_dep, trees["/lib/modules/a"].has_kernel_dir) == (True, True)
    assert (trees["/lib/modules/b"].has_modules_dep, trees["/lib/modules/b"].has_kernel_dir) == (False, False)


def test_links_are_followed_and_loops_end() -> None:
    files = {
        "/vmlinuz": {"type": "link", "target": "boot/vmlinuz-1"},
        "/boot/vmlinuz-1": {"type": "file"},
        "/boot/a": {"type": "link", "target": "b"},
        "/boot/b": {"type": "link", "target": "a"},
    }
    assert resolve("/vmlinuz", files) == "/boot/vmlinuz-1"
    assert resolve("/boot/a", files) in {"/boot/a", "/boot/b"}


def test_consoles() -> None:
    assert console_arguments("ro console=tty0 console=ttyS0,115200n8") == ("console=tty0", "console=ttyS0,115200n8")
    assert console_arguments(Unknown("rescue")) == ()
