"""A machine that nobody recognises: names, serial numbers, UUIDs and addresses of readings replaced, each by the same everywhere.

What decides a verdict stays: a file system's UUID in fstab still is the one in grub.cfg and on the disk. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from bootkeep.facts.reading import Reading, Readings, Status

#: What stands in the place of the host's name.
HOST = "host1"
_UUID = re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b")
#: GUIDs that say what a thing is, the same on every machine: types of partitions, vendors of firmware variables.
_KIND_OF_THING = re.compile(
    r"(?i)(?:part(?:_entry)?_?type\"?\s*[:=]\s*\"?|/efivars/[\w\-]*?-)"
    r"([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})"
)
_LVM_UUID = re.compile(r"\b[A-Za-z0-9]{6}(?:-[A-Za-z0-9]{4}){5}-[A-Za-z0-9]{6}\b")
_MAC = re.compile(r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b", re.IGNORECASE)
_MAIL = re.compile(r"\b[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+\b")
_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7})(?![\w.:])", re.IGNORECASE
)
#: Fields of lsblk and blkid that name one disk.
_DISK_FIELDS = ("uuid", "partuuid", "serial", "wwn", "label", "partlabel", "ptuuid")
#: Reads that tell addresses; what looks like one elsewhere may be a version (1.2.3.4).
_ADDRESS_READS = (
    "command:ip ",
    "native:listeners",
    "file:/etc/resolv.conf",
    "file:/etc/hosts",
    "native:texts:/etc/hosts",
)
#: Fields of dpkg's status file that anything looks at: the rest only tells what the host is for, at length.
_STATUS_FIELDS = (
    "Package:",
    "Status:",
    "Architecture:",
    "Multi-Arch:",
    "Version:",
    "Source:",
    "Essential:",
    "Conffiles:",
)
#: Names that mean something to a system, not to a person.
_COMMON = frozenset(
    {"localhost", "debian", "ubuntu", "root", "boot", "swap", "data", "efi", "esp", "home", "host1", "linux"}
)
#: A shorter serial number or label would be found inside other words.
_SHORTEST = 4


def scrub(*machines: tuple[str, Readings]) -> tuple[Readings, ...]:
    """The readings of looks at one machine (its name and the readings), all with the same replacements."""
    replacements = _replacements(machines)
    pattern = _pattern(replacements)
    return tuple(
        Readings(
            {
                _swap(key, pattern, replacements): _scrubbed(key, reading, pattern, replacements)
                for key, reading in sorted(readings.answers.items())
            }
        )
        for _name, readings in machines
    )


def _scrubbed(key: str, reading: Reading, pattern: re.Pattern[str], replacements: dict[str, str]) -> Reading:
    text = _short_status(reading.text) if key == "file:/var/lib/dpkg/status" else reading.text
    if key == "file:/etc/hostname" and text.strip():
        text = f"{HOST}\n"  # also a name so short that it would be found inside other words
    detail = "" if reading.status is Status.OK else _swap(reading.detail, pattern, replacements)
    return replace(reading, text=_swap(text, pattern, replacements), detail=detail, seconds=0.0)


def _swap(text: str, pattern: re.Pattern[str], replacements: dict[str, str]) -> str:
    return pattern.sub(lambda found: replacements[found[0]], text) if replacements else text


def _pattern(replacements: dict[str, str]) -> re.Pattern[str]:
    longest_first = sorted(replacements, key=lambda word: (-len(word), word))
    return re.compile(r"(?<![A-Za-z0-9])(?:" + "|".join(map(re.escape, longest_first)) + r")(?![A-Za-z0-9])")


def _short_status(text: str) -> str:
    paragraphs = []
    for paragraph in text.split("\n\n"):
        kept: list[str] = []
        wanted = False
        for line in paragraph.splitlines():
            if not line.startswith(" "):
                wanted = line.startswith(_STATUS_FIELDS)
            if wanted:
                kept.append(line)
        if kept:
            paragraphs.append("\n".join(kept))
    return "\n\n".join(paragraphs) + "\n"


def _replacements(machines: Iterable[tuple[str, Readings]]) -> dict[str, str]:
    """Every word to replace and what stands for it, numbered in the order in which they are met."""
    found: dict[str, str] = {}
    counts: dict[str, int] = {}
    for name, readings in machines:
        for word, made in _words(name, readings):
            if word and word not in found and len(word) >= _SHORTEST and word.lower() not in _COMMON:
                counts[made] = counts.get(made, 0) + 1
                found[word] = (
                    made.replace("#", f"{counts[made]}").replace("%", f"{counts[made]:02x}") if made != HOST else HOST
                )
    for word, made in tuple(found.items()):
        if _UUID.fullmatch(word) and _UUID.fullmatch(made):
            for spell in (_spelled_by_grub, _spelled_by_mdadm):
                found.setdefault(spell(word), spell(made))
    return found


def _spelled_by_grub(uuid: str) -> str:
    """GRUB's ``mduuid/`` and ``cryptouuid/``, and array names of the kernel: without dashes."""
    return uuid.replace("-", "")


def _spelled_by_mdadm(uuid: str) -> str:
    """mdadm.conf(5): four groups of eight digits with colons between them."""
    digits = uuid.replace("-", "")
    return ":".join(digits[start : start + 8] for start in range(0, 32, 8))


def _words(name: str, readings: Readings) -> Iterator[tuple[str, str]]:
    for host in (name, readings["file:/etc/hostname"].text.strip()):
        yield host, HOST
        yield host.partition(".")[0], HOST
    yield readings["file:/etc/machine-id"].text.strip(), "0000000000000000000000000000000#"
    for key in ("product_serial", "board_serial", "chassis_serial", "product_uuid"):
        yield readings[f"file:/sys/class/dmi/id/{key}"].text.strip(), "SERIAL-#"
    yield from _disks(readings)
    yield from _accounts(readings)
    kinds = {found.lower() for reading in readings.values() for found in _KIND_OF_THING.findall(reading.text)}
    for key, reading in sorted(readings.answers.items()):
        for pattern, made in (
            (_UUID, "_uuid"),
            (_LVM_UUID, "_lvm"),
            (_MAC, "02:00:00:00:00:%"),
            (_MAIL, "person#@example.org"),
        ):
            for match in pattern.finditer(reading.text):
                if made == "_uuid" and match[0].lower() in kinds:
                    continue
                if made == "_uuid":
                    yield match[0], "00000000-0000-4000-8000-0000000000%"
                elif made == "_lvm":
                    yield match[0], "LVM0#0-0000-0000-0000-0000-0000-000000"
                elif match[0] not in {"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"}:
                    yield match[0], made
        if key.startswith(_ADDRESS_READS):
            yield from _addresses(reading.text)


def _disks(readings: Readings) -> Iterator[tuple[str, str]]:
    for key, reading in readings.answers.items():
        if key.startswith("command:lsblk "):
            try:
                rows = json.loads(reading.text)
            except ValueError:
                continue
            yield from _disk_words(rows)
        elif key.startswith("command:blkid "):
            for line in reading.text.splitlines():
                field, _, value = line.partition("=")
                if field.lower() in _DISK_FIELDS:
                    yield from _disk_word(field.lower(), value)


def _disk_words(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for item in value:
            yield from _disk_words(item)
    elif isinstance(value, dict):
        for field, item in value.items():
            if field in _DISK_FIELDS and isinstance(item, str):
                yield from _disk_word(field, item)
            else:
                yield from _disk_words(item)


def _disk_word(field: str, value: str) -> Iterator[tuple[str, str]]:
    if _UUID.fullmatch(value) or _LVM_UUID.fullmatch(value):
        return  # by their shape, wherever they stand
    if field == "uuid":
        yield value, "0000-00%"
    elif field in {"partuuid", "ptuuid"}:
        yield value.partition("-")[0], "000000%"
    elif field in {"label", "partlabel"}:
        yield value, "label#"
    else:
        yield value, "DISK-#"


def _accounts(readings: Readings) -> Iterator[tuple[str, str]]:
    for line in readings["file:/etc/passwd"].text.splitlines():
        fields = line.split(":")
        if len(fields) == 7 and fields[2].isdigit() and 1000 <= int(fields[2]) < 60000:
            yield fields[0], "user#"
            yield fields[4].partition(",")[0], "Person #"


def _addresses(text: str) -> Iterator[tuple[str, str]]:
    for match in _ADDRESS.finditer(text):
        try:
            address = ip_address(match[0])
        except ValueError:
            continue
        if address.is_loopback or address.is_unspecified or address.is_multicast or match[0].startswith("255."):
            continue
        yield match[0], "192.0.2.#" if address.version == 4 else "2001:db8::%"
