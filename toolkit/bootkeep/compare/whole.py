"""The whole comparison: every change between two looks at a machine, classified, weighed and explained.

Keyed, never line by line. What could not be read on one side is never reported as removed: it is listed by
``Comparison.not_compared`` instead. Which differences are noise, and which weaken security, are tables
(:mod:`bootkeep.compare.noise`, :mod:`bootkeep.compare.weakening`), documented in docs/reference/noise.md and
docs/reference/changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from bootkeep.compare.accounts import account_changes, sudo_changes
from bootkeep.compare.attribution import Attribution, attribution_of
from bootkeep.compare.families import FAMILIES as LISTED
from bootkeep.compare.files import boot_changes, config_changes, crontab_changes, special_file_changes
from bootkeep.compare.keyed import Gaps
from bootkeep.compare.listed import listed_changes
from bootkeep.compare.noise import NoiseFilter
from bootkeep.compare.running import active_changes, listener_changes, process_changes, unit_changes
from bootkeep.compare.settings import (
    alternative_changes,
    module_changes,
    mount_changes,
    package_changes,
    reboot_changes,
    sshd_changes,
    sysctl_changes,
)
from bootkeep.compare.weakening import rule_rank
from bootkeep.facts.change import Change, ChangeClass, ChangeKind, Comparison
from bootkeep.facts.system import SystemState
from bootkeep.facts.transaction import PackageChange

_FAMILIES: tuple[Callable[[SystemState, SystemState, Attribution, Gaps], Iterator[Change]], ...] = (
    package_changes,
    listener_changes,
    unit_changes,
    active_changes,
    process_changes,
    config_changes,
    special_file_changes,
    sshd_changes,
    sudo_changes,
    account_changes,
    sysctl_changes,
    mount_changes,
    crontab_changes,
    boot_changes,
    reboot_changes,
    alternative_changes,
    module_changes,
)

#: Security first, then what else a reader must act on, then the rest.
_ORDER = {change_class: rank for rank, change_class in enumerate(ChangeClass)}


def compare_all(
    before: SystemState,
    after: SystemState,
    *,
    packages: Iterable[PackageChange] = (),
    noise: NoiseFilter | None = None,
) -> Comparison:
    """Every change between two looks, the most urgent first, and the families that could not be compared.

    ``packages`` are the transaction's: what they own is explained by them. Without any, this compares two moments between
    which nobody was known to install anything. ``noise``: the rules in force; bootkeep's own when None.
    """
    who = attribution_of(packages, before, after, noise)
    gaps = Gaps()
    changes = [change for family in _FAMILIES for change in family(before, after, who, gaps)]
    changes += [change for listed in LISTED for change in listed_changes(listed, before, after, who, gaps)]
    changes.sort(
        key=lambda c: (
            _ORDER[c.change_class] > 1,
            c.severity.rank,
            rule_rank(c.rule),
            _ORDER[c.change_class],
            c.family,
            c.key,
        )
    )
    return Comparison(tuple(changes), tuple(gaps.found))


def compare(before: SystemState, after: SystemState, *, packages: Iterable[PackageChange] = ()) -> tuple[Change, ...]:
    """The changes alone; see :func:`compare_all` for what could not be compared."""
    return compare_all(before, after, packages=packages).changes


#: What moves by itself between two transactions: a reboot restarts everything, and the last one's report told what it left.
_NOT_DRIFT = frozenset({"process", "stale process", "journal error", "module", "reboot-required", "kernel argument"})
#: What each snapshot knows only of its own transaction's packages, or only the worker after it looks at.
_OF_ONE_TRANSACTION = frozenset({"open file", "file integrity", "hidden special file"})


def drift(last: SystemState, pre: SystemState, *, noise: NoiseFilter | None = None) -> Comparison:
    """What changed between two transactions: from the last one's final snapshot to the next one's ``pre``.

    Nobody was known to install anything in between, so all of it is somebody's hand or a program's own doing. Each change
    is classed DRIFT, with the rule and the severity that it would have in a transaction.
    """
    found = compare_all(*(_without(state, _OF_ONE_TRANSACTION) for state in (last, pre)), noise=noise)
    changes = tuple(
        replace(change, change_class=ChangeClass.DRIFT, expected=False)
        for change in found.changes
        if change.family not in _NOT_DRIFT and change.kind is not ChangeKind.RESTARTED
    )
    return Comparison(changes, found.not_compared)


def _without(state: SystemState, families: frozenset[str]) -> SystemState:
    return replace(state, settings={name: facts for name, facts in state.settings.items() if name not in families})
