"""rpm's configuration files (``%config``, ``%config(noreplace)``) and lists of files, as the live host answers them."""

from __future__ import annotations

import json

from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Readings
from bootkeep.facts.system import Conffile
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.read import Native
from bootkeep.probes.understand import texts, understood

CONFIG_FILES = Native("rpm-config-files")
_FILES = "native:rpm-files:"


def parse_config_files(text: str) -> tuple[Conffile, ...]:
    """``{path: [package, digest]}``, by path. rpm's digests tell their kind by their length. Raises NotUnderstood."""
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotUnderstood(f"not JSON: {error}", where=CONFIG_FILES.key) from error
    if not isinstance(plain, dict):
        raise NotUnderstood("not an object", where=CONFIG_FILES.key)
    return tuple(_conffile(path, row) for path, row in sorted(plain.items()))


def _conffile(path: str, row: object) -> Conffile:
    if not (isinstance(row, list) and len(row) == 2 and all(isinstance(word, str) for word in row)):
        raise NotUnderstood(f"the row of {path[:80]!r}", where=CONFIG_FILES.key)
    package, digest = row
    return Conffile(
        path,
        package,
        digest if len(digest) == 32 else "",
        "rpm",
        sha256=digest if len(digest) == 64 else "",
    )


def rpm_conffiles_of(readings: Readings) -> Maybe[tuple[Conffile, ...]]:
    """All configuration files of rpm's packages, by path. Unknown in a snapshot from before they were read."""
    return understood(readings, CONFIG_FILES, parse_config_files)


def files_read(packages: list[str]) -> Native:
    """The read of the files that packages own."""
    return Native(f"rpm-files:{','.join(packages)}")


def rpm_owners_of(readings: Readings) -> dict[str, str]:
    """Path -> package, for the packages of rpm's whose files the snapshot took; empty when it took none."""
    for key in readings:
        if key.startswith(_FILES):
            found = understood(readings, Native(key.removeprefix("native:")), lambda text: texts(text, _FILES))
            return {} if isinstance(found, (Absent, Unknown)) else found
    return {}
