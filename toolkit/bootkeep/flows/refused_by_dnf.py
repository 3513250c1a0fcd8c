"""What to type instead of a command of dnf that would take the last-good kernel away. It must work when it is typed."""

from __future__ import annotations

import fnmatch
import shlex
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from pathlib import Path

from bootkeep.edges.run import run
from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.transaction import Action, PackageChange
from bootkeep.flows.guard import ProtectedKernel
from bootkeep.flows.package_family import installed_packages
from bootkeep.probes.packages.rpm_version import compare_versions

_REMOVALS = frozenset({Action.REMOVE, Action.PURGE})
_DNF = ("dnf", "yum", "microdnf")
_PROVED = "once it is proven, this one may go"
#: What a kernel needs, and what that needs: deeper than this no chain of a distribution goes.
_DEEPEST = 6
_ASK_S = 2.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a plan alone does not tell."""

    takers: frozenset[str] = frozenset()  # packages that come and cannot be here together with the kernel
    needed: frozenset[str] = frozenset()  # packages that would go and that the kernel itself needs
    others_stay: bool = False  # another kernel is here and is not to go


def surroundings(
    protected: ProtectedKernel, changes: Sequence[PackageChange], takers: Collection[str], root: Path
) -> Surroundings:
    """Ask the database of this host. What it does not answer counts as not there."""
    going = {(change.name, change.old_version) for change in changes if change.action in _REMOVALS}
    try:
        there = [one for one in installed_packages(root) if one.name in protected.versions]
    except (NotUnderstood, OSError):
        there = []
    others = any(one.version != protected.versions[one.name] and (one.name, one.version) not in going for one in there)
    needed = (
        _needs(protected, {name for name, _version in going} - set(protected.versions)) if root == Path("/") else set()
    )
    return Surroundings(frozenset(takers), frozenset(needed), others)


def _needs(protected: ProtectedKernel, candidates: Collection[str]) -> set[str]:
    """Which of these packages the kernel needs, also by way of each other."""
    found: set[str] = set()
    wave = [f"{name}-{version.rpartition(':')[2]}" for name, version in protected.versions.items()]
    for _ in range(_DEEPEST):
        if not candidates or not wave:
            break
        asked = run(["rpm", "-q", "--qf", "[%{REQUIRENAME}\\n]", *wave], timeout_s=_ASK_S).stdout.split("\n")
        words = sorted({word for word in asked if word and " " not in word and not word.startswith("rpmlib(")})
        if not words:
            break
        answered = run(["rpm", "-q", "--whatprovides", "--qf", "%{NAME}\\n", *words], timeout_s=_ASK_S).stdout.split(
            "\n"
        )
        wave = sorted((set(answered) & set(candidates)) - found)
        found.update(wave)
    return found


def instead_of_dnf(
    plan: Sequence[PackageChange],
    hits: Sequence[PackageChange],
    manager: str,
    command: Sequence[str],
    around: Surroundings,
) -> str:
    """The command to use instead, or what to do where no single command does it. Pure.

    dnf takes both settings for one run: what is installed beside the old version, and how many are kept.
    """
    names = ",".join(sorted({change.name for change in hits}))
    arrives = {change.name for change in plan if change.action is Action.INSTALL}
    if any(change.action not in _REMOVALS for change in hits):
        option = f"--setopt=installonlypkgs={names}"
        return _dnf(command, option if option not in command else f"--exclude={names}", manager)
    if around.takers:
        return _without(sorted(around.takers), manager, command, _prove(plan, hits, around))
    if any(change.name in arrives for change in hits) and "--setopt=installonly_limit=0" not in command:
        return _dnf(command, "--setopt=installonly_limit=0", manager)  # one kernel comes, the oldest has to go
    if "--allowerasing" in command:
        return _dnf([word for word in command if word != "--allowerasing"], "", manager)
    return _of_removals(plan, hits, command, around)


def _of_removals(
    plan: Sequence[PackageChange], hits: Sequence[PackageChange], command: Sequence[str], around: Surroundings
) -> str:
    """What was asked for and may go. Packages of the kernel's own version (its metapackage, its other modules) stay with it."""
    words = _words(command)
    own = {change.old_version for change in hits}
    rest = [change for change in plan if change.action in _REMOVALS and change.old_version not in own]
    if words is not None and not any(_is_asked(word, hits) for word in words) and "autoremove" in words:
        kept = " ".join(_label(change) for change in hits)
        mark = "dnf5 mark user" if any(word.endswith("dnf5") for word in command[:2]) else "dnf mark install"
        return f"{mark} {kept} && {_dnf(command, '', '')}"
    if not around.others_stay:
        rest = _without_newest_kernel(rest, {change.name for change in hits})
    asked = rest if words is None else [change for change in rest if any(_is_asked(word, [change]) for word in words)]
    good = [change for change in asked if change.name not in around.needed]
    needed = sorted({change.name for change in asked} & around.needed)
    if good:
        return f"dnf remove {' '.join(_label(change) for change in good)}"
    if needed and words is not None and not any(_is_asked(word, hits) for word in words):
        return f"leave out {', '.join(needed)}: this kernel needs {'it' if len(needed) == 1 else 'them'}"
    return _prove(plan, hits, around)


def _without_newest_kernel(rest: Iterable[PackageChange], kernels: Collection[str]) -> list[PackageChange]:
    """One other kernel stays: with a single one there is nothing to fall back to."""
    rest = list(rest)
    versions = sorted({one.old_version for one in rest if one.name in kernels}, key=cmp_to_key(compare_versions))
    return [change for change in rest if not versions or change.old_version != versions[-1]]


def _without(takers: Sequence[str], manager: str, command: Sequence[str], prove: str) -> str:
    words = _words(command)
    if words is None or any(taker in word.rsplit("/", 1)[-1] for taker in takers for word in words):
        return f"do without {', '.join(takers)}, which cannot be here together with this kernel; or {prove}"
    return _dnf(command, f"--exclude={','.join(takers)}", manager)


def _prove(plan: Sequence[PackageChange], hits: Sequence[PackageChange], around: Surroundings) -> str:
    kernels = {change.name for change in hits}
    others = any(
        change.name in kernels and change.old_version and change not in hits and change.action in _REMOVALS
        for change in plan
    )
    if others or around.others_stay:
        return f"boot another kernel first; {_PROVED}"
    return f"install another kernel first (dnf upgrade {' '.join(sorted(kernels))}) and boot it; {_PROVED}"


def _label(change: PackageChange) -> str:
    return f"{change.name}-{change.old_version}"


def _is_asked(word: str, changes: Iterable[PackageChange]) -> bool:
    """Whether a word of the command line stands for one of them, as dnf(8) reads package specifications."""
    for change in changes:
        version = change.old_version.rpartition(":")[2]
        names = {change.name, f"{change.name}-{version.rpartition('-')[0]}", f"{change.name}-{version}", _label(change)}
        if any(
            fnmatch.fnmatchcase(name, word) for label in names for name in (label, f"{label}.{change.architecture}")
        ):
            return True
    return False


def _words(command: Sequence[str]) -> list[str] | None:
    """What was typed behind dnf, without options; None where it is not dnf's own command line."""
    for position, word in enumerate(command):
        if word.rsplit("/", 1)[-1].startswith(_DNF):
            return [one for one in command[position + 1 :] if not one.startswith("-")]
    return None


def _dnf(command: Sequence[str], option: str, manager: str) -> str:
    """The same command with one more option."""
    for position, word in enumerate(command):
        name = word.rsplit("/", 1)[-1]
        if name.startswith(_DNF):
            return " ".join(part for part in (name, option, shlex.join(command[position + 1 :])) if part)
    behind = f" with {option}" if option else " without --allowerasing"
    return f"repeat it{'' if manager in _DNF else ' by dnf'}{behind}"
