"""The package manager that this system belongs to, dpkg or rpm: what is installed, and which packages own a kernel's files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.native import dpkg_owners, rpm_packages
from bootkeep.edges.run import run
from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.package import Package
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.probes.machine.identity import parse_os_release
from bootkeep.probes.packages import rpm
from bootkeep.probes.packages.dpkg import parse_status
from bootkeep.probes.packages.installed import RPM_FAMILIES


@dataclass(frozen=True, slots=True)
class KernelOwner:
    """A package that owns a kernel's image, or modules of it that a boot needs."""

    name: str
    architecture: str  # empty where the package manager's lists do not say
    version: str  # rpm keeps several versions side by side: only this one owns the files; empty with dpkg
    path: str  # one of the files, for the message


def uses_rpm(root: Path) -> bool:
    """Whether rpm's database is the one that counts; the other manager's tools may be installed as well."""
    for name in ("etc/os-release", "usr/lib/os-release"):
        try:
            family = parse_os_release((root / name).read_text("utf-8", "replace")).family
        except OSError:
            continue
        if family != "other":
            return family in RPM_FAMILIES
    return has_rpm_database(root) and not (root / "var/lib/dpkg/status").exists()


def has_rpm_database(root: Path) -> bool:
    """Whether there is a database of rpm's at one of its places."""
    return rpm_packages.has_database(root)


def installed_packages(root: Path) -> tuple[Package, ...]:
    """All packages; empty on a machine without a package database. Raises NotUnderstood when it is damaged."""
    return _of_rpm(root) if uses_rpm(root) else _of_dpkg(root)


def _of_dpkg(root: Path) -> tuple[Package, ...]:
    """With what dpkg has not folded into its status file yet: after one that was killed, that is the truth (updates/NNNN, one
    paragraph a file, in order).
    """
    path = root / "var/lib/dpkg/status"
    if not path.exists():
        return ()
    packages = parse_status(path.read_bytes().decode("utf-8", "surrogateescape"))
    journal = sorted(entry for entry in (root / "var/lib/dpkg/updates").glob("[0-9]*") if entry.name.isdigit())
    if not journal:
        return packages
    merged = {(one.name, one.architecture): one for one in packages}
    for entry in journal:
        for one in parse_status(entry.read_bytes().decode("utf-8", "surrogateescape")):
            merged[one.name, one.architecture] = one
    return tuple(merged[key] for key in sorted(merged))


def _of_rpm(root: Path) -> tuple[Package, ...]:
    try:
        text = rpm_packages.answer(root, "")
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise NotUnderstood(f"rpm's database cannot be read: {error}", where="rpm -qa") from error
    found = rpm.packages_of(Readings({rpm.DATABASE.key: Reading(Status.OK, text)}))
    if isinstance(found, Unknown):
        raise NotUnderstood(found.why, where="rpm -qa")
    return () if isinstance(found, Absent) else found


def kernel_owners(root: Path, image: str, release: str) -> tuple[KernelOwner, ...]:
    """The packages that own a kernel's image and its modules, each once, the image's first."""
    if uses_rpm(root):
        return _rpm_owners(root, image, release)
    if not (root / "var/lib/dpkg/info").is_dir():
        return ()
    found: dict[str, KernelOwner] = {}
    # Only modules themselves: linux-headers-* owns links in /lib/modules/<release> too, and no boot needs those.
    prefixes = (image, f"/lib/modules/{release}/kernel/", f"/usr/lib/modules/{release}/kernel/")
    for prefix, rows in dpkg_owners.first_of_each(root, prefixes):
        for path, name in rows:
            if prefix == image and path != image:
                continue
            package, _, architecture = name.partition(":")
            first = found.get(package)
            found[package] = KernelOwner(package, architecture, "", first.path if first else path)
    return tuple(found.values())


_OWNER = "%{NAME}\\t%{ARCH}\\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\\n"


def _rpm_owners(root: Path, image: str, release: str) -> tuple[KernelOwner, ...]:
    """EL copies the image out of the modules tree: a ghost, or no file of the package at all. So the tree is asked as well.

    Of the tree one module of each of its folders: a package that owns modules owns most of what lies beside them.
    """
    tree = root / "lib/modules" / release
    paths = [image, f"/lib/modules/{release}/vmlinuz"]
    paths += [f"/lib/modules/{release}/{name}" for name in _one_of_each_folder(tree)]
    done = run(["rpm", *rpm_packages.place_of(root), "-qf", "--qf", _OWNER, *paths], timeout_s=5.0)
    owners: dict[tuple[str, str], KernelOwner] = {}
    for line in done.stdout.splitlines():  # rpm says of a file without an owner so, in the same stream
        fields = line.split("\t")
        if len(fields) == 3:
            where = image if not owners else f"/lib/modules/{release}"
            owners.setdefault((fields[0], fields[2]), KernelOwner(fields[0], fields[1], fields[2], where))
    return tuple(owners.values())


def _one_of_each_folder(tree: Path, *, most: int = 12) -> list[str]:
    """One module from each folder below ``kernel/`` (``fs``, ``drivers/net``), at most so many."""
    found: list[str] = []
    seen: set[str] = set()
    for parent, folders, names in os.walk(tree / "kernel"):
        folders.sort()
        inside = Path(parent).relative_to(tree)
        group = "/".join(inside.parts[:4])
        module = next((name for name in sorted(names) if ".ko" in name), "")
        if module and group not in seen:
            seen.add(group)
            found.append(str(inside / module))
            if len(found) == most:
                break
    return found
