"""The package manager that this machine's system belongs to: dpkg or rpm. The other one's tools may be installed as well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from bootkeep.facts.machine import OsRelease
from bootkeep.facts.package import Package
from bootkeep.facts.reading import Readings, Status
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.machine.identity import os_release
from bootkeep.probes.packages import debian_version, dpkg, rpm, rpm_version

#: Families (facts.machine.OsRelease) whose packages are rpm's.
RPM_FAMILIES = frozenset({"redhat", "suse"})


def family_of(readings: Readings) -> str:
    """The distribution family by os-release; ``other`` when it says nothing known or could not be read."""
    release = os_release(readings)
    return release.family if isinstance(release, OsRelease) else "other"


def is_rpm(readings: Readings) -> bool:
    """Whether rpm's database is the one that counts."""
    family = family_of(readings)
    if family == "other":
        return readings[rpm.DATABASE.key].ok and readings[dpkg.STATUS.key].status is Status.ABSENT
    return family in RPM_FAMILIES


def packages_of(readings: Readings) -> Maybe[tuple[Package, ...]]:
    """All installed packages. A system of an rpm family without rpm's database is not one without packages: Unknown."""
    if not is_rpm(readings):
        return dpkg.packages_of(readings)
    found = rpm.packages_of(readings)
    return (
        Unknown("rpm's database is not there, on a system made of rpm's packages")
        if isinstance(found, Absent)
        else found
    )


def unmerged_updates(readings: Readings) -> Maybe[int]:
    """dpkg's changes that are not folded in; rpm's database has no such journal of its own."""
    return Absent("/var/lib/dpkg/updates") if is_rpm(readings) else dpkg.unmerged_updates(readings)


def version_order(readings: Readings) -> Callable[[str, str], int]:
    """The package manager's own comparison of two versions: -1, 0 or 1."""
    return rpm_version.compare_versions if is_rpm(readings) else debian_version.compare_versions


def architecture_of(readings: Readings) -> str:
    """What most of rpm's packages were built for, as ``uname -m`` prints it; empty on a machine of dpkg's or when not known."""
    packages = rpm.packages_of(readings) if is_rpm(readings) else ()
    if not isinstance(packages, tuple):
        return ""
    built = Counter(each.architecture for each in packages if each.architecture not in ("noarch", "(none)"))
    return built.most_common(1)[0][0] if built else ""


@dataclass(frozen=True, slots=True)
class BootOwners:
    """Which packages list a path of what boots."""

    by_path: dict[str, tuple[tuple[str, str, str], ...]]  # name, architecture and version; empty texts where not said

    def of(self, image: str, release: str) -> tuple[tuple[str, str, str], ...]:
        """Owners of a kernel: of its image in /boot, else of the image in its modules tree, else of the tree.

        EL lists /boot/vmlinuz-* as a ghost or not at all, and copies it there from the tree.
        """
        paths = (
            image,
            *(f"{folder}/lib/modules/{release}{name}" for name in ("/vmlinuz", "") for folder in ("", "/usr")),
        )
        return next((self.by_path[path] for path in paths if path in self.by_path), ())


def owners_of_boot(readings: Readings) -> Maybe[BootOwners]:
    """Owners of the files in /boot and of modules trees."""
    if is_rpm(readings):
        owners = rpm.owners_of_boot(readings)
        if isinstance(owners, (Absent, Unknown)):
            return owners
        return BootOwners(
            {
                path: tuple((each.name, each.architecture, each.version) for each in rows)
                for path, rows in owners.items()
            }
        )
    listed = dpkg.owners_of_boot(readings)
    if isinstance(listed, (Absent, Unknown)):
        return listed
    return BootOwners({path: tuple((name, arch, "") for name, arch in rows) for path, rows in listed.items()})
