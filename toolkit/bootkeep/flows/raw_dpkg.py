"""The plan of a dpkg that a person started: dpkg tells its hooks nothing, so it is worked out from the command line."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bootkeep.edges.run import run
from bootkeep.facts.package import Package
from bootkeep.facts.transaction import Action, PackageChange
from bootkeep.flows.outcome import index
from bootkeep.probes.packages.debian_version import compare_versions
from bootkeep.probes.packages.dpkg_command import DpkgCommand, DpkgVerb


def plan_of(
    command: DpkgCommand, packages: tuple[Package, ...], folder: str, *, budget_s: float = 2.0
) -> tuple[PackageChange, ...]:
    """What the command is about to do. An archive that cannot be read is left out: dpkg itself will refuse it.

    After ``budget_s`` seconds the remaining archives are named by their files only: a hook has a deadline.
    """
    if command.takes_archives:
        until = time.monotonic() + budget_s
        changes = (_of_archive(path, packages, until) for path in _archives(command, folder))
        return tuple(change for change in changes if change is not None)
    if command.pending:
        return tuple(change for package in packages if (change := _of_pending(command, package)) is not None)
    by_name = index(packages)
    changes_by_name: list[PackageChange] = []
    for operand in command.operands:
        name, _, architecture = operand.partition(":")
        matching = [
            item for item in by_name.get(name, ()) if not architecture or item.architecture in {architecture, "all"}
        ]
        changes_by_name += [_of_installed(command.verb, package) for package in matching[: None if architecture else 1]]
    return tuple(changes_by_name)


def _archives(command: DpkgCommand, folder: str) -> list[str]:
    paths = [os.path.join(folder, operand) for operand in command.operands]
    if not command.recursive:
        return paths
    # dpkg(1) -R: regular files named *.deb below each directory, links to directories not followed.
    found: list[str] = []
    for path in paths:
        for parent, _folders, names in os.walk(path):
            found += [os.path.join(parent, name) for name in sorted(names) if name.endswith(".deb")]
    return found


def _of_archive(path: str, packages: tuple[Package, ...], until: float) -> PackageChange | None:
    left = until - time.monotonic()
    if left <= 0:
        return PackageChange(Path(path).name, "", "", "", Action.INSTALL, path)
    done = run(
        ["dpkg-deb", "--showformat=${Package}\n${Version}\n${Architecture}\n", "--show", path], timeout_s=max(0.1, left)
    )
    fields = done.stdout.split("\n")
    if done.exit_code != 0 or len(fields) < 3 or not fields[0]:
        return None
    name, version, architecture = fields[:3]
    old = next((p for p in packages if p.name == name and p.architecture in {architecture, "all"} and p.version), None)
    old = old or next((p for p in packages if p.name == name and p.version and architecture == "all"), None)
    if old is None or old.state in {"config-files", "not-installed"}:
        return PackageChange(name, architecture, "", version, Action.INSTALL, path)
    order = compare_versions(old.version, version)
    action = Action.UPGRADE if order < 0 else Action.DOWNGRADE if order > 0 else Action.REINSTALL
    return PackageChange(name, architecture, old.version, version, action, path)


def _of_installed(verb: DpkgVerb, package: Package) -> PackageChange:
    installed = "" if package.state in {"config-files", "not-installed"} else package.version
    if verb in {DpkgVerb.REMOVE, DpkgVerb.PURGE}:
        action = Action.PURGE if verb is DpkgVerb.PURGE else Action.REMOVE
        return PackageChange(package.name, package.architecture, installed, "", action)
    return PackageChange(package.name, package.architecture, installed, package.version, Action.CONFIGURE)


def _of_pending(command: DpkgCommand, package: Package) -> PackageChange | None:
    """What ``-a`` takes up: dpkg(1) --configure, --triggers-only, --remove and --purge "--pending"."""
    if command.verb in {DpkgVerb.CONFIGURE, DpkgVerb.TRIGGERS}:
        waits = package.state in {"unpacked", "half-configured", "triggers-pending", "triggers-awaited"}
        if command.verb is DpkgVerb.TRIGGERS:
            waits = package.state == "triggers-pending"
    else:
        wanted = {DpkgVerb.REMOVE: {"deinstall"}, DpkgVerb.PURGE: {"deinstall", "purge"}}[command.verb]
        gone = {"not-installed"} if package.wanted == "purge" else {"not-installed", "config-files"}
        waits = package.wanted in wanted and package.state not in gone
    return _of_installed(command.verb, package) if waits else None
