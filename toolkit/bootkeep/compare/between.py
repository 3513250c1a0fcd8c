"""The transaction that lies between two looks at the package database: what somebody did while nobody saw it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable

from bootkeep.facts.package import Package
from bootkeep.facts.transaction import Action, PackageChange

#: dpkg's states of a package whose files are not there.
_GONE = frozenset({"config-files", "not-installed"})
_Key = tuple[str, str]


def packages_between(
    before: Iterable[Package], after: Iterable[Package], compare: Callable[[str, str], int]
) -> tuple[PackageChange, ...]:
    """Which packages came, went or changed, sorted by name; empty when nothing did.

    ``compare`` orders two versions as their package manager does. A name may be there in several versions at once (rpm's
    install-only kernels): one that came beside another is an install, never an upgrade.
    """
    before, after = tuple(before), tuple(after)
    was, now = _versions(before), _versions(after)
    changes: list[PackageChange] = []
    for key in sorted(was.keys() | now.keys()):
        changes += _of_one(key, was.get(key, {}), now.get(key, {}), compare)
    purged = _with_configuration(before) - {
        (one.name, one.architecture) for one in after if one.state != "not-installed"
    }
    changes += [
        PackageChange(name, architecture, version, "", Action.PURGE)
        for name, architecture, version in _named(before, purged)
    ]
    return tuple(changes)


def reinstalled(packages: Iterable[Package], written: Collection[str]) -> tuple[PackageChange, ...]:
    """The same version once more, for packages whose files were ``written`` anew: ``name`` or ``name:architecture``."""
    return tuple(
        PackageChange(one.name, one.architecture, one.version, one.version, Action.REINSTALL)
        for one in packages
        if one.state not in _GONE and (one.name in written or f"{one.name}:{one.architecture}" in written)
    )


def _versions(packages: Iterable[Package]) -> dict[_Key, dict[str, str]]:
    """(name, architecture) -> version -> state, of all whose files are there."""
    found: dict[_Key, dict[str, str]] = defaultdict(dict)
    for one in packages:
        if one.state not in _GONE:
            state = one.state if one.error_flag == "ok" else f"{one.state} {one.error_flag}"
            found[one.name, one.architecture][one.version] = state
    return found


def _of_one(
    key: _Key, was: dict[str, str], now: dict[str, str], compare: Callable[[str, str], int]
) -> list[PackageChange]:
    name, architecture = key
    came = [version for version in now if version not in was]
    gone = [version for version in was if version not in now]
    if len(came) == 1 and len(gone) == 1:
        action = Action.UPGRADE if compare(gone[0], came[0]) < 0 else Action.DOWNGRADE
        return [PackageChange(name, architecture, gone[0], came[0], action)]
    changes = [PackageChange(name, architecture, "", version, Action.INSTALL) for version in came]
    changes += [PackageChange(name, architecture, version, "", Action.REMOVE) for version in gone]
    stayed = [version for version in now if version in was and was[version] != now[version]]
    return changes + [PackageChange(name, architecture, version, version, Action.CONFIGURE) for version in stayed]


def _with_configuration(packages: Iterable[Package]) -> set[_Key]:
    return {(one.name, one.architecture) for one in packages if one.state == "config-files"}


def _named(packages: Iterable[Package], keys: set[_Key]) -> list[tuple[str, str, str]]:
    found = {(one.name, one.architecture): one.version for one in packages}
    return sorted((name, architecture, found[name, architecture]) for name, architecture in keys)
