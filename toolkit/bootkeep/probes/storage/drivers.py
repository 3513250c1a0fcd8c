"""The kernel modules that lead from the bus to the root file system."""

from __future__ import annotations

from bootkeep.facts.reading import Readings
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.answers import object_of
from bootkeep.probes.read import Native, Probe

ROOT_DRIVERS = Native("root-drivers")


def root_drivers(readings: Readings) -> Maybe[tuple[str, ...]]:
    """Module names, ``-`` written as ``_``, file system first."""
    plain = object_of(readings, ROOT_DRIVERS, "the root device's drivers")
    if isinstance(plain, Absent):
        return Unknown(f"the root device's drivers could not be followed: {plain.what}")
    if isinstance(plain, Unknown):
        return plain
    if plain.get("problem"):
        return Unknown(str(plain["problem"]))
    modules = plain.get("modules")
    if not isinstance(modules, list):
        return Unknown("the root device's drivers were not understood")
    return tuple(str(name) for name in modules)


def root_drivers_elsewhere(readings: Readings) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Release -> drivers that are built into the running kernel and loadable modules in that one. Empty in older snapshots."""
    plain = object_of(readings, ROOT_DRIVERS, "the root device's drivers")
    found = plain.get("elsewhere") if isinstance(plain, dict) else None
    if not isinstance(found, dict):
        return ()
    return tuple((str(release), tuple(str(name) for name in names)) for release, names in sorted(found.items()))


DRIVERS = Probe(name="root drivers", reads=(ROOT_DRIVERS,), understand=root_drivers)
