"""The plan of an rpm that a person, or zypper, started: rpm tells its triggers no package, so the command line is read."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cmp_to_key
from pathlib import Path

from bootkeep.edges.run import run
from bootkeep.facts.package import Package
from bootkeep.facts.transaction import Action, PackageChange
from bootkeep.probes.packages.rpm_command import RpmCommand, RpmVerb
from bootkeep.probes.packages.rpm_version import compare_versions

_FIELDS = "%{NAME}\\t%{ARCH}\\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\\t[%{DIRNAMES}\\v]\\n"
_TREE = re.compile(r"(?:^|\v)(?:/usr)?/lib/modules/([^/\v]+)/")
_KEPT_SIDE_BY_SIDE = frozenset({RpmVerb.INSTALL})


@dataclass(frozen=True, slots=True)
class RpmPlan:
    """What one rpm process is about to do, as far as its command line and its archives tell."""

    changes: tuple[PackageChange, ...]
    brings: frozenset[str]  # kernel releases whose modules the archives carry


def plan_of(command: RpmCommand, packages: tuple[Package, ...], folder: str, *, budget_s: float = 2.0) -> RpmPlan:
    """The plan. An archive that cannot be read is left out: rpm itself refuses it."""
    if command.verb is RpmVerb.ERASE:
        gone = [package for label in command.operands for package in _labelled(label, packages)]
        return RpmPlan(tuple(_removal(package) for package in dict.fromkeys(gone)), frozenset())
    paths = [path for word in command.operands for path in _files(word, folder)]
    if not paths:
        return RpmPlan((), frozenset())
    # In rpm's own folder: a manifest, which is a list of files in a file, counts from there.
    argv = ["rpm", "-qp", "--noglob", "--nosignature", "--nodigest", "--qf", _FIELDS, *paths]
    done = run(argv, timeout_s=budget_s, directory=folder or "/")
    changes: list[PackageChange] = []
    brings: set[str] = set()
    rows = [fields for line in done.stdout.split("\n") if len(fields := line.split("\t")) == 4]
    for position, (name, architecture, version, folders) in enumerate(rows):
        brings.update(_TREE.findall(folders))
        archive = paths[position] if len(rows) == len(paths) else ""
        changes += _of_archive(command.verb, name, architecture, version, archive, packages)
    return RpmPlan(tuple(changes), frozenset(brings))


def _files(word: str, folder: str) -> list[str]:
    """The files that an operand stands for: itself, or a pattern that the shell left to rpm, which expands it (rpmGlob)."""
    if "://" in word:
        return []
    path = os.path.join(folder, word)
    return [path] if Path(path).is_file() else sorted(found for found in glob.glob(path) if Path(found).is_file())


def changes_for(
    name: str, architecture: str, version: str, packages: Iterable[Package], archive: str = ""
) -> list[PackageChange]:
    """What upgrading to a version does: one line for the newest old one, and a removal for each other that is there."""
    return _of_archive(RpmVerb.UPGRADE, name, architecture, version, archive, tuple(packages))


def _of_archive(
    verb: RpmVerb, name: str, architecture: str, version: str, archive: str, packages: tuple[Package, ...]
) -> list[PackageChange]:
    old = [package for package in packages if package.name == name and _compatible(package.architecture, architecture)]
    same = any(package.version == version for package in old)
    if verb is RpmVerb.FRESHEN and not old:
        return []
    if verb in _KEPT_SIDE_BY_SIDE or not old:
        action = Action.REINSTALL if same else Action.INSTALL
        return [PackageChange(name, architecture, version if same else "", version, action, archive)]
    if same and len(old) == 1:
        return [PackageChange(name, architecture, version, version, Action.REINSTALL, archive)]
    old.sort(key=cmp_to_key(lambda left, right: compare_versions(left.version, right.version)))
    newest = old[-1]
    action = Action.UPGRADE if compare_versions(newest.version, version) < 0 else Action.DOWNGRADE
    return [
        PackageChange(name, architecture, newest.version, version, action, archive),
        *(_removal(package) for package in old[:-1] if package.version != version),
    ]


def _compatible(one: str, other: str) -> bool:
    return one == other or "noarch" in {one, other}


def _labelled(label: str, packages: tuple[Package, ...]) -> list[Package]:
    """rpm(8): NAME, NAME.ARCH, NAME-VERSION, NAME-VERSION-RELEASE, each with or without .ARCH."""
    found = []
    for package in packages:
        version = package.version.split(":", 1)[-1]
        names = {package.name, f"{package.name}-{version}", f"{package.name}-{version.rpartition('-')[0]}"}
        if label in names or label in {f"{name}.{package.architecture}" for name in names}:
            found.append(package)
    return found


def _removal(package: Package) -> PackageChange:
    return PackageChange(package.name, package.architecture, package.version, "", Action.REMOVE)
