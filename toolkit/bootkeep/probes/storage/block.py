"""Block devices, as lsblk knows them, with the links that name them for good."""

from __future__ import annotations

import json
import posixpath
from typing import Any

from bootkeep.facts.reading import Readings
from bootkeep.facts.storage import BlockDevice
from bootkeep.facts.unknown import Maybe, Unknown
from bootkeep.probes.answers import rows_of, text_of
from bootkeep.probes.read import Command, Listing, Probe

_COLUMNS = "NAME,PATH,TYPE,FSTYPE,UUID,LABEL,PARTUUID,PARTTYPE,PARTLABEL,PTTYPE,SIZE,SERIAL,WWN,MODEL,RM,MOUNTPOINTS"
#: Reads sysfs and udev's database only: it opens no device (lsblk(8)).
LSBLK = Command(("lsblk", "-J", "-b", "-o", _COLUMNS))
BY_ID = Listing("/dev/disk/by-id/*")


def parse_lsblk(text: str, links: dict[str, tuple[str, ...]]) -> tuple[BlockDevice, ...]:
    """lsblk's tree as flat rows; a device that stands on several others (raid, multipath) is one row with all parents.

    Raises ``ValueError``, ``KeyError``, ``TypeError`` or ``AttributeError`` on anything that is not lsblk's JSON.
    """
    rows: dict[str, dict[str, Any]] = {}
    parents: dict[str, list[str]] = {}

    def visit(node: dict[str, Any], parent: str) -> None:
        name = str(node["name"])
        rows.setdefault(name, node)
        above = parents.setdefault(name, [])
        if parent and parent not in above:
            above.append(parent)
        for child in node.get("children") or ():
            visit(child, name)

    for node in json.loads(text)["blockdevices"]:
        visit(node, "")
    return tuple(_device(rows[name], tuple(parents[name]), links) for name in rows)


def _device(row: dict[str, Any], parents: tuple[str, ...], links: dict[str, tuple[str, ...]]) -> BlockDevice:
    def text(column: str) -> str:
        value = row.get(column)
        return "" if value is None else str(value).strip()

    mountpoints = row.get("mountpoints") or [row.get("mountpoint")]
    name = text("name")
    return BlockDevice(
        name=name,
        path=text("path") or f"/dev/{name}",
        kind=text("type"),
        file_system=text("fstype"),
        uuid=text("uuid"),
        label=text("label"),
        partition_uuid=text("partuuid"),
        partition_type=text("parttype"),
        partition_label=text("partlabel"),
        partition_table=text("pttype"),
        size_bytes=int(row.get("size") or 0),
        serial=text("serial"),
        wwn=text("wwn"),
        model=text("model"),
        removable=row.get("rm") in (True, 1, "1"),
        mountpoints=tuple(str(point) for point in mountpoints if point),
        parents=parents,
        persistent_links=links.get(posixpath.basename(text("path") or name), ()),
    )


def persistent_links(readings: Readings) -> dict[str, tuple[str, ...]]:
    """Kernel name -> links in /dev/disk/by-id."""
    rows = rows_of(readings, BY_ID, "/dev/disk/by-id")
    found: dict[str, list[str]] = {}
    if isinstance(rows, tuple):
        for row in rows:
            found.setdefault(posixpath.basename(str(row.get("target", ""))), []).append(str(row.get("path", "")))
    return {name: tuple(sorted(paths)) for name, paths in found.items()}


def block_devices(readings: Readings) -> Maybe[tuple[BlockDevice, ...]]:
    """Every block device; Unknown when lsblk is missing, failed or saw nothing at all."""
    text = text_of(readings, LSBLK, "lsblk")
    if not isinstance(text, str):
        return Unknown("lsblk is not installed") if not isinstance(text, Unknown) else text
    try:
        devices = parse_lsblk(text, persistent_links(readings))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return Unknown(f"lsblk's answer was not understood: {error}")
    return devices or Unknown("lsblk saw no block device")


BLOCK = Probe(name="block devices", reads=(LSBLK, BY_ID), understand=block_devices)
