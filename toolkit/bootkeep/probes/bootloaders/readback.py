"""What GRUB sees of the files that the next boot needs. Taken only before a reboot: it needs everything flushed first."""

from __future__ import annotations

from bootkeep.facts.codec import from_json
from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.loader_sight import Flushed, LoaderSight
from bootkeep.facts.reading import Readings, Status
from bootkeep.probes.read import Native

#: Recorded by flows.before_reboot, which flushes: no probe declares it, because flushing is no inert read.
FLUSHED_KEY = "native:loader-flushed"
_PREFIX = "loader-sees:"


def sight_of(path: str) -> Native:
    """The read of one file through GRUB's own file system driver."""
    return Native(_PREFIX + path)


def loader_sights(readings: Readings) -> tuple[LoaderSight, ...]:
    """Every file that was read back, by path; empty when nobody asked. A file that is not there has no sight."""
    prefix = f"native:{_PREFIX}"
    found = []
    for key in sorted(key for key in readings if key.startswith(prefix)):
        path, reading = key.removeprefix(prefix), readings[key]
        if reading.status is Status.ABSENT:
            continue
        if not reading.ok:
            found.append(_unknown(path, reading.detail or reading.status.value))
            continue
        try:
            found.append(from_json(LoaderSight, reading.text, where=key))
        except NotUnderstood as error:
            found.append(_unknown(path, error.what))
    return tuple(found)


def loader_flushed(readings: Readings) -> tuple[Flushed, ...]:
    """What was flushed before the read-back; empty when nobody asked."""
    reading = readings[FLUSHED_KEY]
    if not reading.ok:
        return ()
    try:
        return from_json(tuple[Flushed, ...], reading.text, where=FLUSHED_KEY)
    except NotUnderstood:
        return ()


def _unknown(path: str, why: str) -> LoaderSight:
    return LoaderSight(path, "", "", "", 0, "", 0, "", unknown=why)
