"""Mounts, fstab and free space."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Readings, Status
from bootkeep.facts.storage import FstabLine, Mount
from bootkeep.facts.storage import Space as SpaceFact
from bootkeep.facts.unknown import Maybe, Unknown
from bootkeep.probes.answers import object_of, text_of
from bootkeep.probes.read import File, Listing, Probe, Read, Space

MOUNTINFO = File("/proc/self/mountinfo")
FSTAB = File("/etc/fstab")
SPACES = tuple(Space(path) for path in ("/", "/boot", "/boot/efi", "/usr", "/var"))

_BLANKS = re.compile(r"[ \t]+")
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
    for number, line in enumerate(text.split("\n"), start=1):  # the kernel escapes its own blanks and no others
        if not line.strip():
            continue
        left, separator, right = line.partition(" - ")
        first, last = left.split(" "), right.split(" ")
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
    """Lines of fstab(5), and those that are no mount to systemd either (with their number).

    As getmntent(3) and systemd-fstab-generator take them: words are divided by spaces and tabs and by nothing else (a blank that a
    web page brought along is a letter, and so is a carriage return at the end of a line, which makes its last word one that no
    kernel knows), a line of two words is a mount of any type, and a pass that is no number counts as 0.
    """
    lines: list[FstabLine] = []
    odd: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        words = _BLANKS.split(line.strip(" \t"))
        if not words[0].strip("\r") or words[0].startswith("#"):
            continue
        swap = words[2:3] == ["swap"]
        if len(words) < 2 or not (swap or unescape(words[1]).startswith("/")):
            odd.append(f"{FSTAB.path}:{number}: {line.strip()}")
            continue
        passno = re.match(r"[0-9]{1,9}", words[5]) if len(words) > 5 else None
        lines.append(
            FstabLine(
                number=number,
                spec=unescape(words[0]),
                target=unescape(words[1]),
                file_system=words[2] if len(words) > 2 else "auto",
                options=tuple(words[3].split(",")) if len(words) > 3 else ("defaults",),
                passno=int(passno[0]) if passno else 0,
            )
        )
    return tuple(lines), tuple(odd)


def file_sources(lines: Iterable[FstabLine]) -> tuple[str, ...]:
    """Paths of this machine that fstab's lines mount: the folder of a bind mount, the file of a loop device."""
    found = (
        line.spec
        for line in lines
        if line.spec.startswith("/") and not line.spec.startswith(("/dev/", "/proc/", "/sys/", "/run/"))
        if line.file_system not in ("swap", "nfs", "nfs4", "cifs", "9p", "virtiofs") and "*" not in line.spec
    )
    return tuple(dict.fromkeys(found))


def source_of(path: str) -> Listing:
    """The read that tells whether such a path is there."""
    return Listing(re.sub(r"([*?[])", r"[\1]", path))


def absent_sources(readings: Readings, lines: Iterable[FstabLine]) -> tuple[str, ...]:
    """Those that are surely not there."""
    return tuple(path for path in file_sources(lines) if readings[source_of(path).key].status is Status.ABSENT)


def _follow_ups(readings: Readings) -> tuple[Read, ...]:
    text = text_of(readings, FSTAB, FSTAB.path)
    return tuple(source_of(path) for path in file_sources(parse_fstab(text)[0])) if isinstance(text, str) else ()


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


MOUNTS = Probe(name="mounts", reads=(MOUNTINFO, FSTAB, *SPACES), understand=mounts, follow_ups=_follow_ups)
