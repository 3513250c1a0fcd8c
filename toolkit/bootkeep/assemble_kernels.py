"""Kernels from readings: images, modules trees, initramfs images and packages brought together by release."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

from bootkeep.facts.kernel import Kernel, ModulesTree, OwningPackage
from bootkeep.facts.package import Package
from bootkeep.facts.reading import Readings
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.initramfs.images import path_for, understand_image
from bootkeep.probes.kernels.images import (
    ImageHeader,
    boot_file,
    digests_of,
    files_in_boot,
    image_headers,
    preserved_record,
)
from bootkeep.probes.kernels.modules import modules_trees, tree_of
from bootkeep.probes.machine.surroundings import kernel_options
from bootkeep.probes.packages.installed import BootOwners, is_rpm, owners_of_boot, packages_of, version_order

_TREE_IMAGE = re.compile(r"(?:/usr)?/lib/modules/([^/]+)/vmlinuz")


def kernels_of(readings: Readings) -> Maybe[tuple[Kernel, ...]]:
    """Every kernel in /boot, newest first; preserved copies after them. Empty when /boot was read and holds none."""
    headers = image_headers(readings)
    files = files_in_boot(readings)
    if isinstance(headers, (Absent, Unknown)):
        return headers
    if isinstance(files, (Absent, Unknown)):
        return files
    trees, owners, packages = modules_trees(readings), owners_of_boot(readings), packages_of(readings)
    sources = _Sources(readings, files, trees, owners, packages)
    kernels = [_kernel(sources, header) for header in headers if header.path in files]
    compare = version_order(readings)
    kernels.sort(
        key=cmp_to_key(
            lambda left, right: compare(left.release, right.release) or compare(_version(left), _version(right))
        ),
        reverse=True,
    )
    return (*(each for each in kernels if not each.preserved), *(each for each in kernels if each.preserved))


def _version(kernel: Kernel) -> str:
    return kernel.package.version if isinstance(kernel.package, OwningPackage) else ""


@dataclass(frozen=True, slots=True)
class _Sources:
    """What every kernel is looked up in, understood once."""

    readings: Readings
    files: dict[str, dict[str, Any]]
    trees: Maybe[dict[str, ModulesTree]]
    owners: Maybe[BootOwners]
    packages: Maybe[tuple[Package, ...]]


def _kernel(sources: _Sources, header: ImageHeader) -> Kernel:
    readings, files, trees = sources.readings, sources.files, sources.trees
    folder = posixpath.dirname(header.path)
    preserved = folder != "/boot"
    record = preserved_record(readings, folder) if preserved else Absent()
    release = header.release
    if isinstance(record, dict):
        release = str(record.get("release") or release)
    digest = digests_of(readings, (header.path,)).get(header.path)
    initramfs_path = path_for(release, folder, files)
    initramfs = (
        understand_image(readings, initramfs_path, release, files[initramfs_path])
        if initramfs_path
        else Absent(f"an initramfs for {release} in {folder}")
    )
    return Kernel(
        release=release,
        image=boot_file(files[header.path], digest or Unknown(f"{header.path} could not be read")),
        modules=_preserved_tree(trees, posixpath.basename(folder), release) if preserved else tree_of(trees, release),
        initramfs=initramfs,
        package=_recorded_package(record) if preserved else _owner_of(sources, header.path, release),
        preserved=preserved,
        version_text=header.version,
        image_error=header.error,
        key=posixpath.basename(folder) if preserved else "",
        signed=header.signed,
        config=kernel_options(readings, release),
    )


def _preserved_tree(trees: Maybe[dict[str, ModulesTree]], key: str, release: str) -> Maybe[ModulesTree]:
    if isinstance(trees, (Absent, Unknown)):
        return trees
    path = f"/usr/lib/bootkeep/preserved/{key}/modules"
    tree = trees.get(path)
    if tree is None:
        return Absent(path)
    return ModulesTree(tree.path, release, tree.has_modules_dep, tree.has_kernel_dir, tree.builtin)


def _recorded_package(record: Maybe[dict[str, Any]]) -> Maybe[OwningPackage]:
    if isinstance(record, (Absent, Unknown)):
        return record
    if not record.get("package"):
        return Absent("a package")
    return OwningPackage(str(record["package"]), "", str(record.get("package_version", "")), "preserved")


def _owner_of(sources: _Sources, path: str, release: str) -> Maybe[OwningPackage]:
    """The package that a kernel belongs to, with the state that its package manager has it in."""
    owners, packages = sources.owners, sources.packages
    if isinstance(owners, Unknown):
        return owners
    if isinstance(packages, Unknown):
        return packages
    if isinstance(owners, Absent) or isinstance(packages, Absent):
        return Absent(f"a package database that owns {path}")
    found = [_match(packages, *owner) for owner in owners.of(path, release)]
    known = [package for package in found if package is not None]
    if not known:
        return Absent(f"a package that owns {path}")
    # Two packages with one path means a diversion or a replaced package: the one whose files are unpacked counts; and of
    # rpm's the one that calls itself a kernel (a dracut-config or a kdump package may list a path there too).
    package = sorted(
        known, key=lambda each: (each.state not in ("not-installed", "config-files"), bool(each.provides)), reverse=True
    )[0]
    return OwningPackage(package.name, package.architecture, package.version, package.state, package.provides)


def kernel_packages(readings: Readings) -> Maybe[tuple[tuple[str, OwningPackage], ...]]:
    """Release and package of every modules tree with an image whose package calls itself a kernel; Absent on a dpkg machine.

    Told by the file that EL and SUSE keep in the tree, ``/lib/modules/<release>/vmlinuz``: a kernel that is not in /boot is here.
    """
    if not is_rpm(readings):
        return Absent("rpm's database")
    owners, packages = owners_of_boot(readings), packages_of(readings)
    if isinstance(owners, (Absent, Unknown)):
        return owners
    if isinstance(packages, (Absent, Unknown)):
        return packages
    found: dict[str, OwningPackage] = {}
    for path, rows in sorted(owners.by_path.items()):
        match = _TREE_IMAGE.fullmatch(path)
        for row in rows if match else ():
            package = _match(packages, *row)
            if match and package is not None and package.provides:
                found[match[1]] = OwningPackage(
                    package.name, package.architecture, package.version, package.state, package.provides
                )
    return tuple(sorted(found.items()))


def _match(packages: tuple[Package, ...], name: str, architecture: str, version: str) -> Package | None:
    return next(
        (
            each
            for each in packages
            if each.name == name
            and (not architecture or each.architecture == architecture)
            and (not version or each.version == version)
        ),
        None,
    )
