"""Block devices, as lsblk knows them, with the links that name them for good."""

from __future__ import annotations

import json
import posixpath
import re
from dataclasses import replace
from typing import Any

from bootkeep.facts.reading import Readings
from bootkeep.facts.storage import BlockDevice
from bootkeep.facts.unknown import Maybe, Unknown
from bootkeep.probes.answers import object_of, rows_of, text_of
from bootkeep.probes.read import Command, Listing, Native, Probe, Read

_COLUMNS = "NAME,PATH,TYPE,FSTYPE,UUID,LABEL,PARTUUID,PARTTYPE,PARTLABEL,PTTYPE,SIZE,SERIAL,WWN,MODEL,RM,MOUNTPOINTS"
#: Reads sysfs and udev's database only: it opens no device (lsblk(8)).
LSBLK = Command(("lsblk", "-J", "-b", "-o", _COLUMNS))
#: Opens the devices, so it is asked only where lsblk had nothing to say; without a cache file it writes nothing (blkid(8)).
BLKID = Command(("blkid", "-c", "/dev/null", "-o", "export"), reveals=True)
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
    """Kernel name -> links in /dev/disk/by-id; of mapped devices also by the mapping's name, which is what lsblk calls them."""
    rows = rows_of(readings, BY_ID, "/dev/disk/by-id")
    found: dict[str, list[str]] = {}
    if isinstance(rows, tuple):
        for row in rows:
            found.setdefault(posixpath.basename(str(row.get("target", ""))), []).append(str(row.get("path", "")))
    for kernel_name, paths in list(found.items()):
        for path in paths:
            mapping = posixpath.basename(path).removeprefix("dm-name-")
            if mapping != posixpath.basename(path):
                found[mapping] = found[kernel_name]
    return {name: tuple(sorted(paths)) for name, paths in found.items()}


def parse_blkid(text: str) -> dict[str, dict[str, str]]:
    """``blkid -o export``: paragraphs of ``NAME=value`` (values escaped with a backslash), by device path."""
    found: dict[str, dict[str, str]] = {}
    for paragraph in text.split("\n\n"):
        values = dict(line.partition("=")[::2] for line in paragraph.splitlines() if "=" in line)
        if values.get("DEVNAME"):
            found[values["DEVNAME"]] = {name: re.sub(r"\\(.)", r"\1", value) for name, value in values.items()}
    return found


def _named(device: BlockDevice, values: dict[str, str]) -> BlockDevice:
    """What blkid read on the device itself counts; udev's database may be older than the last mkfs or luksUUID."""
    return replace(
        device,
        file_system=values.get("TYPE", "") or device.file_system,
        uuid=values.get("UUID", "") or device.uuid,
        label=values.get("LABEL", "") or device.label,
        partition_uuid=values.get("PARTUUID", "") or device.partition_uuid,
        partition_label=values.get("PARTLABEL", "") or device.partition_label,
    )


def luks_header(path: str) -> Native:
    """The read of a LUKS volume's own header."""
    return Native(f"luks:{path}")


def _by_header(device: BlockDevice, readings: Readings) -> BlockDevice:
    """The same for an encrypted volume, whose header is read by itself."""
    header = object_of(readings, luks_header(device.path), device.path) if device.file_system == "crypto_LUKS" else None
    uuid = header.get("uuid") if isinstance(header, dict) else None
    return replace(device, uuid=uuid) if isinstance(uuid, str) and uuid else device


def block_devices(readings: Readings) -> Maybe[tuple[BlockDevice, ...]]:
    """Every block device; Unknown when lsblk is missing or failed, saw nothing, or nobody knows what is on the devices."""
    text = text_of(readings, LSBLK, "lsblk")
    if not isinstance(text, str):
        return text if isinstance(text, Unknown) else Unknown("lsblk is not installed")
    try:
        devices = parse_lsblk(text, persistent_links(readings))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return Unknown(f"lsblk's answer was not understood: {error}")
    if not devices:
        return Unknown("lsblk saw no block device")
    asked = text_of(readings, BLKID, "blkid")
    if isinstance(asked, str):
        named = parse_blkid(asked)
        devices = tuple(_named(device, named.get(device.path, {})) for device in devices)
    devices = tuple(_by_header(device, readings) for device in devices)
    if not any(device.uuid for device in devices):
        return Unknown("lsblk knows no file system on any device: udev does not run, and blkid had no answer")
    return devices


def _follow_ups(readings: Readings) -> tuple[Read, ...]:
    """lsblk takes UUIDs from udev's database and leaves them empty where there is none (chroot, rescue shell, container).

    A device that is mounted and has no file system for lsblk is one that udev has missed (a mapping made without udev).
    """
    text = text_of(readings, LSBLK, "lsblk")
    if not isinstance(text, str):
        return ()
    try:
        devices = parse_lsblk(text, {})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ()
    missed = any(each.mountpoints and not each.file_system for each in devices)
    return (BLKID,) if missed or not any(each.file_system or each.uuid for each in devices) else ()


BLOCK = Probe(name="block devices", reads=(LSBLK, BY_ID), understand=block_devices, follow_ups=_follow_ups)
