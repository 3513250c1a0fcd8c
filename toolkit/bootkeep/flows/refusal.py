"""What a person reads when the guard refuses, or would: what, why, the command to use instead, and the override. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from bootkeep.facts.finding import Finding
from bootkeep.facts.transaction import Action, PackageChange
from bootkeep.flows.guard import OVERRIDE_VARIABLE, ProtectedKernel, takes_away

if TYPE_CHECKING:
    from bootkeep.flows.refused_by_dnf import Surroundings

_REMOVALS = frozenset({Action.REMOVE, Action.PURGE})
_PROVE_FIRST = "boot another kernel first; once it is proven, remove this one"


def refusal_text(
    finding: Finding,
    changes: Iterable[PackageChange],
    manager: str,
    protected: ProtectedKernel,
    command: Sequence[str] = (),
    *,
    brings: Collection[str] = (),
    around: Surroundings | None = None,
) -> str:
    """What was refused, the command to use instead, and the override. ``command``: the one that was typed, program first.

    ``around``: what rpm's database says about the plan.
    """
    plan = tuple(changes)
    hits = [change for change in plan if takes_away(protected, change, brings)]
    lines = [f"bootkeep: REFUSED, nothing was changed: {finding.summary}."]
    if protected.versions:
        from bootkeep.flows.refused_by_dnf import Surroundings, instead_of_dnf  # seldom needed by a hook

        instead = instead_of_dnf(plan, hits, manager, command, around or Surroundings())
    else:
        instead = _instead_of_dpkg(plan, hits, manager)
    lines.append(f"  do this instead:   {instead}")
    return "\n".join((*lines, *_override()))


def refusal_without_copy(protected: ProtectedKernel, why: str) -> str:
    """What a person reads when an in-place upgrade is refused because the kernel could not be preserved first."""
    names = " ".join(sorted(protected.owners))
    alone = f"--exclude={','.join(names.split())} behind dnf" if protected.versions else f"apt-mark hold {names}"
    return "\n".join(
        (
            f"bootkeep: REFUSED, nothing was changed: this replaces {protected.why} {protected.release} in place, "
            "and it cannot be preserved first.",
            f"  why:               {why}",
            f"  do this instead:   make room and repeat, or leave this kernel alone for now: {alone}",
            *_override(),
        )
    )


def unstoppable_text(finding: Finding | None, protected: ProtectedKernel, manager: str, problem: str = "") -> str:
    """What a person reads where the package manager cannot be stopped.

    ``finding``: None where its plan is not known, and only its files tell. ``problem``: why the kernel is not preserved.
    """
    name = manager if manager in {"rpm", "zypper"} else "this package manager"
    what = finding.summary if finding else f"this touches the files of {protected.why} {protected.release}"
    if not problem:
        return f"bootkeep: {what}. {name} cannot be stopped by a hook; the kernel is preserved and will be put back."
    return "\n".join(
        (
            f"bootkeep: DANGER: {what}. {name} cannot be stopped by a hook, and the kernel could not be preserved.",
            f"  why:               {problem}",
            "  do this instead:   do not reboot. Make room, install a kernel that is whole, and reboot only when"
            " 'bootkeep check' says GO.",
        )
    )


def _override() -> tuple[str, str]:
    return (
        f"  if you must:       {OVERRIDE_VARIABLE}='the reason' in front of the command (sudo: behind it),",
        "                     or: bootkeep preserve --override 'the reason', and repeat within 15 minutes",
    )


def _instead_of_dpkg(plan: Sequence[PackageChange], hits: Sequence[PackageChange], manager: str) -> str:
    removals = [change for change in plan if change.action in _REMOVALS]
    rest = [change.name for change in removals if change not in hits]
    owners = " ".join(sorted(change.name for change in hits))
    verb = "purge" if all(change.action is Action.PURGE for change in removals) else "remove"
    tool = f"dpkg --{verb}" if manager == "dpkg" else f"apt-get {verb}"
    if len(removals) < len(plan):
        # An upgrade or an installation: what else it removes makes place for something, and is not to be removed alone.
        return f"apt-mark hold {owners}, and repeat the command"
    if rest:
        return f"apt-mark hold {owners} && {tool} {' '.join(rest)}"
    return f"apt-mark hold {owners}     ({_PROVE_FIRST})"
