"""sudoers(5): who may become root without a password. Only those lines are kept; the files' digests tell other changes."""

from __future__ import annotations

import re

from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Readings, Status
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.read import File, Listing, Probe
from bootkeep.probes.understand import rows, why_not

SUDOERS = File("/etc/sudoers")
SUDOERS_FOLDER = Listing("/etc/sudoers.d/*")

_GRANT = re.compile(r"\bNOPASSWD\s*:|!\s*authenticate\b")


def parse_sudoers(text: str) -> tuple[str, ...]:
    """Lines that spare somebody the password: blanks squeezed, continuation lines joined, comments left out."""
    joined = text.replace("\\\n", " ")
    lines = (" ".join(line.split()) for line in joined.split("\n"))
    return tuple(line for line in lines if not line.startswith("#") and _GRANT.search(line))


def _drop_ins(readings: Readings) -> tuple[File, ...]:
    """sudo skips names with a dot or a final tilde in an included folder (sudoers(5), "Including other files")."""
    reading = readings[SUDOERS_FOLDER.key]
    if not reading.ok:
        return ()
    try:
        paths = [str(row["path"]) for row in rows(reading.text, SUDOERS_FOLDER.key) if row.get("type") == "file"]
    except (NotUnderstood, KeyError):
        return ()
    names = ((path, path.rsplit("/", 1)[-1]) for path in paths)
    return tuple(File(path) for path, name in names if "." not in name and not name.endswith("~"))


def sudo_without_password_of(readings: Readings) -> Maybe[tuple[str, ...]]:
    """``file: line`` for every such line; Absent where no sudo is configured."""
    if readings[SUDOERS.key].status is Status.ABSENT:
        return Absent(SUDOERS.path)
    found: list[str] = []
    for read in (SUDOERS, *_drop_ins(readings)):
        reading = readings[read.key]
        if not reading.ok:
            return Unknown(why_not(reading, read.path))
        found.extend(f"{read.path}: {line}" for line in parse_sudoers(reading.text))
    return tuple(sorted(found))


SUDO = Probe("sudo", (SUDOERS, SUDOERS_FOLDER), sudo_without_password_of, _drop_ins)
