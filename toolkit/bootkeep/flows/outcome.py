"""How a transaction ended, told from dpkg's status afterwards: apt gives its hooks no result. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bootkeep.facts.package import Package
from bootkeep.facts.transaction import Action, Outcome, PackageChange

_GONE = frozenset({"config-files", "not-installed"})
_AT_MOST = 8


def index(packages: Iterable[Package]) -> dict[str, tuple[Package, ...]]:
    """Packages by name: one name may stand for several architectures."""
    by_name: dict[str, tuple[Package, ...]] = {}
    for package in packages:
        by_name[package.name] = (*by_name.get(package.name, ()), package)
    return by_name


def find(by_name: Mapping[str, tuple[Package, ...]], change: PackageChange) -> Package | None:
    """The package that a change is about; ``all`` and an unknown architecture match whatever is there.

    rpm keeps several versions of one name side by side: then the version that goes, or comes, is the one.
    """
    candidates = by_name.get(change.name, ())
    if change.action in {Action.REMOVE, Action.PURGE} and change.old_version:
        candidates = tuple(one for one in candidates if one.version == change.old_version or one.state in _GONE)
    elif len(candidates) > 1 and change.new_version:
        candidates = tuple(one for one in candidates if one.version == change.new_version) or candidates
    exact = [package for package in candidates if package.architecture == change.architecture]
    if exact:
        return exact[0]
    loose = change.architecture in {"", "all"} or len(candidates) == 1
    return candidates[0] if candidates and loose else None


def outcome_of(
    changes: Iterable[PackageChange], packages: Iterable[Package], *, unpack_only: bool = False
) -> tuple[Outcome, str]:
    """DONE, or FAILED with the packages that did not get where the plan wanted them or are left half-done.

    ``unpack_only``: ``dpkg --unpack`` leaves packages unconfigured on purpose.
    """
    packages = tuple(packages)
    by_name = index(packages)
    wrong: list[str] = []
    planned: set[str] = set()
    for change in changes:
        planned.add(change.name)
        problem = _problem(change, find(by_name, change), unpack_only=unpack_only)
        if problem:
            wrong.append(problem)
    # A transaction may break what it did not name: a trigger that fails, a package that a removal deconfigured.
    left = [
        f"{package.name} is left {package.state}"
        for package in packages
        if not package.settled and package.name not in planned and not unpack_only
    ]
    problems = wrong + left
    if not problems:
        return Outcome.DONE, ""
    more = len(problems) - _AT_MOST
    return Outcome.FAILED, "; ".join(problems[:_AT_MOST]) + (f"; and {more} more" if more > 0 else "")


def nothing_happened(changes: Iterable[PackageChange], packages: Iterable[Package]) -> bool:
    """Whether every package of a plan still stands where it stood before."""
    by_name = index(packages)
    for change in changes:
        found = find(by_name, change)
        before = change.old_version
        now = found.version if found and found.state not in _GONE else ""
        if now != before or (found is not None and not found.settled and change.action is not Action.CONFIGURE):
            return False
    return True


def _problem(change: PackageChange, found: Package | None, *, unpack_only: bool) -> str:
    state = found.state if found else "not-installed"
    broken = found is not None and found.error_flag != "ok"
    if change.action in {Action.REMOVE, Action.PURGE}:
        return "" if state in _GONE and not broken else f"{change.name} was not removed, it is {state}"
    if broken:
        return f"{change.name} must be reinstalled, it is {state}"
    if change.new_version and found is not None and state not in _GONE and found.version != change.new_version:
        return f"{change.name} is still {found.version}, not {change.new_version}" + _half(state)
    if state == "installed" or (unpack_only and state == "unpacked"):
        return ""
    return f"{change.name} is left {state}"


def _half(state: str) -> str:
    return "" if state == "installed" else f", and left {state}"
