"""dpkg's own database: what is installed, in which state, and which package owns the files in /boot.

Sources: dpkg(1) "PACKAGE STATES", deb822(5); /var/lib/dpkg/status is rewritten by rename, so a read sees one whole version.
"""

from __future__ import annotations

import json
from functools import lru_cache

from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.package import Package
from bootkeep.facts.reading import Readings, Status
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.read import File, Listing, Native, Probe

#: A desktop with every section installed has about 15 MB.
STATUS = File("/var/lib/dpkg/status", limit_bytes=128 * 1024 * 1024)
#: Unmerged journal: dpkg writes one numbered file a change here and folds them in at its end (dpkg -> "updates/").
UPDATES = Listing("/var/lib/dpkg/updates/*")
#: Owners of the files below /boot, from the packages' file lists.
BOOT_OWNERS = Native("dpkg-owners:/boot/")

_FIELDS = frozenset({"package", "status", "architecture", "version"})


@lru_cache(maxsize=2)  # before and after: a hook asks for the outcome, the report and the verdict
def parse_status(text: str) -> tuple[Package, ...]:
    """Every paragraph of ``/var/lib/dpkg/status`` as a Package, sorted by name and architecture.

    Raises NotUnderstood when a paragraph has no name or no three-word status: a file cut in half must not look healthy.
    """
    packages: list[Package] = []
    for number, paragraph in enumerate(text.split("\n\n"), start=1):
        fields: dict[str, str] = {}
        for line in paragraph.split("\n"):
            if not line.strip() or line[0] in " \t":
                continue
            name, colon, value = line.partition(":")
            if not colon:
                raise NotUnderstood(
                    f"line without a field name: {line[:60]!r}", where=f"{STATUS.path} paragraph {number}"
                )
            if name.lower() in _FIELDS:
                fields[name.lower()] = value.strip()
        if fields:
            packages.append(_package(fields, number))
    return tuple(sorted(packages, key=lambda package: (package.name, package.architecture)))


def _package(fields: dict[str, str], number: int) -> Package:
    words = fields.get("status", "").split()
    if not fields.get("package") or len(words) != 3:
        raise NotUnderstood("paragraph without Package or Status", where=f"{STATUS.path} paragraph {number}")
    return Package(
        name=fields["package"],
        architecture=fields.get("architecture", ""),
        version=fields.get("version", ""),
        wanted=words[0],
        error_flag=words[1],
        state=words[2],
    )


def packages_of(readings: Readings) -> Maybe[tuple[Package, ...]]:
    """All packages; Absent where there is no dpkg, Unknown where its database could not be read."""
    reading = readings[STATUS.key]
    if reading.status is Status.ABSENT:
        return Absent("/var/lib/dpkg/status")
    if not reading.ok:
        return Unknown(f"{STATUS.path} could not be read: {reading.detail or reading.status.value}")
    try:
        packages = parse_status(reading.text)
    except NotUnderstood as error:
        return Unknown(str(error))
    return packages if packages else Unknown(f"{STATUS.path} is empty")


def owners_of_boot(readings: Readings) -> Maybe[dict[str, tuple[tuple[str, str], ...]]]:
    """Path in /boot -> the (package, architecture) names that list it; architecture is empty for most packages."""
    reading = readings[BOOT_OWNERS.key]
    if reading.status is Status.ABSENT:
        return Absent("/var/lib/dpkg/info")
    if not reading.ok:
        return Unknown(f"the packages' file lists could not be read: {reading.detail or reading.status.value}")
    try:
        plain = json.loads(reading.text)
        return {str(path): tuple(_owner(str(name)) for name in names) for path, names in plain.items()}
    except (ValueError, AttributeError, TypeError) as error:
        return Unknown(f"the packages' file lists were not understood: {error}")


def _owner(name: str) -> tuple[str, str]:
    """``libc6:amd64`` (multi-arch lists carry the architecture in their file name) in two."""
    package, _, architecture = name.partition(":")
    return package, architecture


def unmerged_updates(readings: Readings) -> Maybe[int]:
    """How many changes dpkg has not folded into its status file: more than none while it runs, or after it was killed."""
    reading = readings[UPDATES.key]
    if reading.status is Status.ABSENT:
        return Absent(UPDATES.pattern)
    if not reading.ok:
        return Unknown(f"{UPDATES.pattern} could not be listed: {reading.detail or reading.status.value}")
    try:
        return sum(1 for row in json.loads(reading.text) if row["path"].rsplit("/", 1)[-1].isdigit())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return Unknown(f"{UPDATES.pattern} was not understood: {error}")


DPKG = Probe(name="dpkg", reads=(STATUS, UPDATES, BOOT_OWNERS), understand=packages_of)
