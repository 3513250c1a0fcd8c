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


DRIVERS = Probe(name="root drivers", reads=(ROOT_DRIVERS,), understand=root_drivers)
