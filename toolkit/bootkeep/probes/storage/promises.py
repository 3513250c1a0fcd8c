"""fstab's promises and whether they are kept, and file systems that run full: fstab(5), statvfs(3)."""

from __future__ import annotations

import json

from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Readings, Status
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.lines import Keyed, Texts, lines, texts_read
from bootkeep.probes.read import Probe, Space
from bootkeep.probes.services.kernel_view import MOUNTINFO, decode_octal, mounts_of
from bootkeep.probes.understand import texts, understood, why_not

FSTAB_LINES = texts_read("/etc/fstab")
SPACES = tuple(Space(path) for path in ("/", "/boot", "/boot/efi", "/var"))
#: What fstab may ask for and a mount must then have.
_GUARDS = ("nosuid", "nodev", "noexec", "ro")
#: Below these shares of free space or inodes a file system is called nearly full, and full.
_STEPS = ((0.02, "less than 2 % free"), (0.10, "less than 10 % free"))


def parse_fstab_lines(files: Texts) -> Keyed:
    """Mount point -> ``device type options``; swap by its device."""
    found: Keyed = {}
    for text in files.values():
        for line in lines(text):
            words = [decode_octal(word) for word in line.split(" ")]
            if len(words) >= 3:
                key = words[0] if words[1] in {"none", "swap"} else words[1]
                found[key] = " ".join([words[0], *words[2:4]])
    return found


def fstab_of(readings: Readings) -> Maybe[Keyed]:
    """The lines of fstab."""
    return understood(readings, FSTAB_LINES, lambda text: parse_fstab_lines(texts(text, FSTAB_LINES.key)))


def broken_promises_of(readings: Readings) -> Maybe[Keyed]:
    """Mount point -> protecting options that fstab asks for and the mount does not have."""
    fstab, mounts = fstab_of(readings), mounts_of(readings)
    if isinstance(fstab, (Absent, Unknown)):
        return fstab
    if isinstance(mounts, (Absent, Unknown)):
        return mounts
    present = {mount.target: mount.options for mount in mounts}
    found: Keyed = {}
    for target, line in fstab.items():
        asked = set(line.split(" ")[2].split(",")) if len(line.split(" ")) > 2 else set()
        missing = [guard for guard in _GUARDS if guard in asked and target in present and guard not in present[target]]
        if missing:
            found[target] = ", ".join(missing)
    return found


def parse_space(text: str) -> str:
    """``less than 10 % free``, or nothing to say. Raises NotUnderstood."""
    try:
        row = json.loads(text)
        shares = [
            int(row[free]) / int(row[all_])
            for free, all_ in (("free_bytes", "size_bytes"), ("inodes_free", "inodes"))
            if int(row[all_])
        ]
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise NotUnderstood(f"not what statvfs gives: {error}", where="space") from error
    return next((words for step, words in _STEPS if min(shares, default=1.0) < step), "")


def space_of(readings: Readings) -> Maybe[Keyed]:
    """Mount point -> how full, only where it is nearly so: a comparison shows a crossing, never megabytes."""
    found: Keyed = {}
    for read in SPACES:
        reading = readings[read.key]
        if reading.status is Status.ABSENT:
            continue
        if not reading.ok:
            return Unknown(why_not(reading, read.key))
        try:
            words = parse_space(reading.text)
        except NotUnderstood as error:
            return Unknown(str(error))
        if words:
            found[read.path] = words
    return found


FSTAB = Probe("fstab", (FSTAB_LINES,), fstab_of)
BROKEN_PROMISES = Probe("mount against fstab", (FSTAB_LINES, MOUNTINFO), broken_promises_of)
SPACE = Probe("space", SPACES, space_of)
