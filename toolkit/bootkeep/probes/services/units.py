"""systemd units: which start at boot, which run now.

The live host reads the unit files and links itself (``unit-files``, 5 ms; ``systemctl list-unit-files`` gives the same in 0.3 s).
``list-units`` asks the running manager and says so on standard error, with an empty standard output, when there is none
(systemctl(1), systemd 252).
"""

from __future__ import annotations

from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Readings, Status
from bootkeep.facts.system import Unit
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.read import Command, Native, Probe, Read
from bootkeep.probes.understand import rows, understood

_TYPES = "--type=service,socket,timer,path"
UNIT_FILES = Native("unit-files")
#: How snapshots were taken before the live host could answer it: they are still judged.
UNIT_FILES_BY_SYSTEMCTL = Command(
    ("systemctl", "list-unit-files", _TYPES, "--no-pager", "--output=json"), timeout_s=5.0
)
UNITS_LOADED = Command(("systemctl", "list-units", "--all", _TYPES, "--no-pager", "--output=json"), timeout_s=2.0)


def parse_unit_files(text: str) -> tuple[Unit, ...]:
    """``list-unit-files --output=json``, and the live host's answer in the same form. Raises NotUnderstood."""
    return _units(text, UNIT_FILES.key, name="unit_file", enabled="state", preset="preset")


def parse_units(text: str) -> tuple[Unit, ...]:
    """``list-units --output=json``. Raises NotUnderstood."""
    return _units(text, UNITS_LOADED.key, name="unit", active="active")


def _units(
    text: str, where: str, *, name: str, enabled: str = "", active: str = "", preset: str = ""
) -> tuple[Unit, ...]:
    units: list[Unit] = []
    for row in rows(text, where):
        fields = [row.get(field) if field else "" for field in (name, enabled, active)]
        fields.append(row.get(preset) or "")  # systemctl prints null for a unit without a preset
        if not fields[0] or not all(isinstance(field, str) for field in fields):
            raise NotUnderstood(f"a unit without a name or state: {str(row)[:80]}", where=where)
        units.append(Unit(*(str(field) for field in fields)))
    return tuple(sorted(units, key=lambda unit: unit.name))


def unit_files_of(readings: Readings) -> Maybe[tuple[Unit, ...]]:
    """What starts at boot; Absent on a host without systemd."""
    read: Read = UNIT_FILES if UNIT_FILES.key in readings else UNIT_FILES_BY_SYSTEMCTL
    reading = readings[read.key]
    if reading.ok and reading.exit_code != 0:
        return Unknown(f"{read.key}: exit code {reading.exit_code}: {reading.detail.strip()}")
    return understood(readings, read, parse_unit_files)


def active_units_of(readings: Readings) -> Maybe[tuple[Unit, ...]]:
    """What runs now; Absent where systemd is not what runs as PID 1."""
    reading = readings[UNITS_LOADED.key]
    if reading.status is Status.OK and "not been booted with systemd" in reading.detail:
        return Absent("systemd does not run here")
    if reading.ok and reading.exit_code != 0:
        return Unknown(f"{UNITS_LOADED.key}: exit code {reading.exit_code}: {reading.detail.strip()}")
    return understood(readings, UNITS_LOADED, parse_units)


UNITS = Probe("units", (UNIT_FILES, UNITS_LOADED), unit_files_of)
