"""Partition tables: what sfdisk dumped, it reads back; nothing of it is a device name that moves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.edges.run import run
from bootkeep.facts.paper import PartitionTable
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.facts.unknown import Unknown
from bootkeep.probes.storage.block import LSBLK
from bootkeep.probes.storage.partition_tables import PARTITION_TABLES, dump, partition_tables


def row(name: str, kind: str = "disk", table: str = "gpt", **more: object) -> dict[str, object]:
    return {"name": name, "path": f"/dev/{name}", "type": kind, "pttype": table, "uuid": "u", "size": 1, **more}


def readings(rows: list[dict[str, object]], dumps: dict[str, str]) -> Readings:
    answers = {LSBLK.key: Reading(Status.OK, json.dumps({"blockdevices": rows}))}
    answers |= {dump(path).key: Reading(Status.OK, text) for path, text in dumps.items()}
    return Readings(answers)


def test_sfdisk_reads_back_what_the_paper_says(tmp_path: Path) -> None:
    """A table is dumped, taken as it would be printed, written to an empty disk, and is the same."""
    disk, other = tmp_path / "a.img", tmp_path / "b.img"
    for path in (disk, other):
        with path.open("wb") as file:
            file.truncate(64 * 2**20)
    script = "label: gpt\n\n2048 20480 21686148-6449-6E6F-744E-656564454649\n22528 40960 L\n"
    assert run(["sfdisk", "-q", str(disk)], timeout_s=20, input_text=script).exit_code == 0
    text = run(["sfdisk", "-d", str(disk)], timeout_s=20).stdout
    there = text.replace(f"{disk}", "/dev/sda")
    tables = partition_tables(readings([row("sda", serial="S1")], {"/dev/sda": there}))
    assert isinstance(tables, tuple)
    assert tables[0].disk == "S1"
    assert "sda" not in "\n".join(tables[0].lines)
    assert run(["sfdisk", "-q", str(other)], timeout_s=20, input_text="\n".join(tables[0].lines) + "\n").exit_code == 0
    again = run(["sfdisk", "-d", str(other)], timeout_s=20).stdout
    assert again.replace(str(other), "") == text.replace(str(disk), "")


def test_only_disks_that_stay_are_asked() -> None:
    rows = [row("sda"), row("sdb", rm=True), row("sdc", table=""), row("sda1", "part"), row("nvme0n1"), row("x;reboot")]
    wanted = PARTITION_TABLES.follow_ups(readings(rows, {}))
    assert [read.key for read in wanted] == ["command:sfdisk -d /dev/sda", "command:sfdisk -d /dev/nvme0n1"]


def test_a_disk_that_refuses_is_unknown_and_never_an_empty_table() -> None:
    assert isinstance(partition_tables(readings([row("sda")], {})), Unknown)
    assert isinstance(partition_tables(Readings()), Unknown)


@pytest.mark.parametrize(
    ("name", "node"), [("nvme0n1", "/dev/nvme0n1p2"), ("sda", "/dev/sda2"), ("mmcblk0", "/dev/mmcblk0p2")]
)
def test_partitions_go_by_their_number(name: str, node: str) -> None:
    text = f"label: gpt\ndevice: /dev/{name}\n\n{node} : start=        2048, size=       10\n"
    tables = partition_tables(readings([row(name)], {f"/dev/{name}": text}))
    assert tables == (PartitionTable(f"/dev/{name}", ("label: gpt", "2 : start=2048, size=10")),)


@given(st.text(max_size=200), st.text(max_size=200))
def test_whatever_the_tools_say_it_does_not_raise(lsblk: str, text: str) -> None:
    partition_tables(Readings({LSBLK.key: Reading(Status.OK, lsblk)}))
    partition_tables(readings([row("sda")], {"/dev/sda": text}))
