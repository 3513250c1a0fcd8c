"""Mounts, fstab and free space."""

from __future__ import annotations

import re

from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Readings
from bootkeep.facts.storage import FstabLine, Mount
from bootkeep.facts.storage import Space as SpaceFact
from bootkeep.facts.unknown import Maybe, Unknown
from bootkeep.probes.answers import object_of, text_of
from bootkeep.probes.read import File, Probe, Space

MOUNTINFO = File("/proc/self/mountinfo")
FSTAB = File("/etc/fstab")
SPACES = tuple(Space(path) for path in ("/", "/boot", "/boot/efi", "/usr", "/var"))

_OCTAL = re.compile(r"\\([0-7]{3})")


def unescape(word: str) -> str:
    """Octal escapes of fstab(5) and /proc/self/mountinfo: ``\\040`` is a space. Bytes, so UTF-8 may be escaped too."""
    if "\\" not in word:
        return word
    raw = _OCTAL.sub(lambda match: chr(0xDC00 + value) if (value := int(match[1], 8)) > 127 else chr(value & 127), word)
    return raw.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def parse_mountinfo(text: str) -> tuple[Mount, ...]:
    """Lines of /proc/self/mountinfo (proc(5)). Raises NotUnderstood for a line without its separator."""
    mounts: list[Mount] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        left, separator, right = line.partition(" - ")
        first, last = left.split(), right.split(" ")
        if not separator or len(first) < 6 or len(last) < 2:
            raise NotUnderstood(f"line without its fields: {line[:80]!r}", where=f"{MOUNTINFO.path}:{number}")
        options = set(first[5].split(",")) | set((last[2] if len(last) > 2 else "").split(","))
        mounts.append(
            Mount(
                target=unescape(first[4]),
                source=unescape(last[1]),
                file_system=last[0],
                options=tuple(sorted(option for option in options if option)),
                root=unescape(first[3]),
            )
        )
    return tuple(mounts)


def parse_fstab(text: str) -> tuple[tuple[FstabLine, ...], tuple[str, ...]]:
    """Lines of fstab(5), and those that mount(8) would not understand either (with their number)."""
    lines: list[FstabLine] = []
    odd: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        passno = words[5] if len(words) > 5 else "0"
        if len(words) < 3 or not re.fullmatch(r"[0-9]{1,9}", passno):
            odd.append(f"{FSTAB.path}:{number}: {line.strip()}")
            continue
        lines.append(
            FstabLine(
                number=number,
                spec=unescape(words[0]),
                target=unescape(words[1]),
                file_system=words[2],
                options=tuple(words[3].split(",")) if len(words) > 3 else ("defaults",),
                passno=int(passno),
            )
        )
    return tuple(lines), tuple(odd)


def mounts(readings: Readings) -> Maybe[tuple[Mount, ...]]:
    """What is mounted now."""
    text = text_of(readings, MOUNTINFO, MOUNTINFO.path)
    if not isinstance(text, str):
        return text
    try:
        return parse_mountinfo(text)
    except NotUnderstood as error:
        return Unknown(str(error))


def spaces(readings: Readings) -> tuple[SpaceFact, ...]:
    """Room at the mount points that matter; those that could not be asked are left out."""
    found: list[SpaceFact] = []
    for read in SPACES:
        plain = object_of(readings, read, read.path)
        if isinstance(plain, dict):
            try:
                found.append(
                    SpaceFact(
                        target=str(plain["target"]),
                        size_bytes=int(plain["size_bytes"]),
                        free_bytes=int(plain["free_bytes"]),
                        inodes=int(plain["inodes"]),
                        inodes_free=int(plain["inodes_free"]),
                    )
                )
            except (KeyError, TypeError, ValueError):
                continue
    return tuple(found)


MOUNTS = Probe(name="mounts", reads=(MOUNTINFO, FSTAB, *SPACES), understand=mounts)
