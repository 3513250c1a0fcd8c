"""Partition tables as text: with it, a table that was overwritten can be written again (sfdisk(8), --dump)."""

from __future__ import annotations

import json
import re

from bootkeep.facts.paper import PartitionTable
from bootkeep.facts.reading import Readings
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.answers import text_of
from bootkeep.probes.read import Command, Probe, Read
from bootkeep.probes.storage.block import LSBLK, block_devices

#: More disks than this do not carry one system's boot.
_MOST = 8


def dump(path: str) -> Command:
    """Reads the table; the disk is opened for reading only."""
    return Command(("sfdisk", "-d", path), timeout_s=5.0)


def _disks(readings: Readings) -> list[str]:
    """Paths of the disks that have a partition table and stay in the machine."""
    text = text_of(readings, LSBLK, "lsblk")
    try:
        rows = json.loads(text)["blockdevices"] if isinstance(text, str) else []
        found = [
            str(row["path"])
            for row in rows
            if row.get("type") == "disk" and row.get("pttype") and row.get("rm") not in (True, 1, "1")
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []
    return [path for path in found if re.fullmatch(r"/dev/[A-Za-z0-9!/_-]+", path)][:_MOST]


def partition_tables(readings: Readings) -> Maybe[tuple[PartitionTable, ...]]:
    """One for each disk; Unknown when a disk refused to be read."""
    devices = block_devices(readings)
    if isinstance(devices, (Absent, Unknown)):
        return Unknown(devices.why if isinstance(devices, Unknown) else "no block devices")
    found = []
    for path in _disks(readings):
        text = text_of(readings, dump(path), f"sfdisk -d {path}")
        if not isinstance(text, str):
            return Unknown("sfdisk is not installed") if isinstance(text, Absent) else text
        device = next((d for d in devices if d.path == path), None)
        name = (device.serial or (device.persistent_links or ("",))[0]) if device is not None else ""
        # /dev/sda1 : start=... -> 1 : start=...; device names move, and sfdisk reads either form.
        short = re.sub(rf"(?m)^{re.escape(path)}p?(\d+) *:", r"\1 :", text)
        lines = [re.sub(r"= +", "=", line).strip() for line in short.splitlines()]
        found.append(
            PartitionTable(name or path, tuple(line for line in lines if line and not line.startswith("device:")))
        )
    return tuple(sorted(found, key=lambda table: table.disk))


def _follow_ups(readings: Readings) -> tuple[Read, ...]:
    return tuple(dump(path) for path in _disks(readings))


PARTITION_TABLES = Probe(
    name="partition tables", reads=(LSBLK,), understand=partition_tables, follow_ups=_follow_ups, tier=3
)
