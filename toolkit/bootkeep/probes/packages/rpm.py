"""rpm's own database: what is installed, which package owns the files that boot, and what says of itself that it is a kernel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bootkeep.facts.package import Package
from bootkeep.facts.reading import Readings
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.answers import object_of
from bootkeep.probes.machine.identity import OS_RELEASE, OS_RELEASE_VENDOR
from bootkeep.probes.packages.rpm_version import version_key
from bootkeep.probes.read import Native, Probe

DATABASE = Native("rpm-packages")
#: Public keys that rpm trusts are kept as packages; several of one name are in order.
_KEYS = frozenset({"gpg-pubkey"})
#: What dnf installs side by side by name alone (dnf: const.py.in, INSTALLONLYPKGS).
_SIDE_BY_SIDE = frozenset({"kernel", "kernel-PAE"})


@dataclass(frozen=True, slots=True)
class RpmOwner:
    """One package that lists a path."""

    name: str
    architecture: str
    version: str  # [epoch:]version-release


def packages_of(readings: Readings) -> Maybe[tuple[Package, ...]]:
    """All packages; Absent where there is no rpm database, Unknown where it could not be read."""
    plain = object_of(readings, DATABASE, "rpm's database")
    if isinstance(plain, (Absent, Unknown)):
        return plain
    try:
        packages = [_package(row) for row in plain["packages"]]
    except (KeyError, TypeError, AttributeError) as error:
        return Unknown(f"rpm's database was not understood: {error!r}")
    if not packages:
        return Unknown("rpm's database is empty")
    return tuple(sorted(_with_leftovers(packages), key=lambda each: (each.name, each.architecture, each.version)))


def installed_again(before: Readings, after: Readings) -> frozenset[str]:
    """Packages (``name:architecture``) that were there before and after in the same version, but installed anew between."""
    was, now = _install_times(before), _install_times(after)
    return frozenset(
        f"{name}:{arch}" for (name, arch, version), at in now.items() if was.get((name, arch, version), at) != at
    )


def _install_times(readings: Readings) -> dict[tuple[str, str, str], str]:
    plain = object_of(readings, DATABASE, "rpm's database")
    if isinstance(plain, (Absent, Unknown)):
        return {}
    try:
        return {
            (str(row["name"]), str(row["arch"]), str(row["version"])): str(row["installed"])
            for row in plain["packages"]
        }
    except (KeyError, TypeError, AttributeError):
        return {}


def _package(row: dict[str, Any]) -> Package:
    return Package(
        name=str(row["name"]),
        architecture=str(row["arch"]),
        version=str(row["version"]),
        wanted="install",
        state="installed",
        provides=tuple(str(word) for word in row["provides"]),
    )


def _with_leftovers(packages: list[Package]) -> Iterable[Package]:
    """rpm knows no half-installed package. Its mark of an upgrade that was stopped is the old one still beside the new one.

    Of what may not be there twice every version but the newest is called ``duplicate``. Kernels may, also those that say no
    more than kernel-uname-r: somebody has installed them with rpm -i.
    """
    groups: dict[tuple[str, str], list[Package]] = {}
    for package in packages:
        groups.setdefault((package.name, package.architecture), []).append(package)
    for (name, _architecture), group in groups.items():
        if len(group) > 1 and name not in _KEYS | _SIDE_BY_SIDE and not any(each.provides for each in group):
            group.sort(key=lambda each: version_key(each.version))
            for old in group[:-1]:
                yield Package(old.name, old.architecture, old.version, old.wanted, "duplicate", old.error_flag)
            yield group[-1]
        else:
            yield from group


def owners_of_boot(readings: Readings) -> Maybe[dict[str, tuple[RpmOwner, ...]]]:
    """Path in /boot, or of a modules tree or the image in it -> the packages that list it."""
    plain = object_of(readings, DATABASE, "rpm's database")
    if isinstance(plain, (Absent, Unknown)):
        return plain
    try:
        return {
            str(path): tuple(RpmOwner(str(name), str(arch), str(version)) for name, arch, version in rows)
            for path, rows in plain["owners"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return Unknown(f"rpm's database was not understood: {error!r}")


#: With os-release, which says whether this database is the machine's own.
RPM = Probe(name="rpm", reads=(OS_RELEASE, OS_RELEASE_VENDOR, DATABASE), understand=packages_of)
