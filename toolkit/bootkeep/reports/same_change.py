"""The same change on many hosts becomes one line: nobody reads 37 times that sshd_config was replaced."""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.fleet_overview import FleetChange, FleetTransaction, SameChange


def same_changes(transactions: Iterable[FleetTransaction], *, least: int = 2) -> tuple[SameChange, ...]:
    """Changes that ``least`` hosts or more share, on most hosts first. Two changes are the same when rule, key and package are."""
    found: dict[tuple[str, str, str], tuple[FleetChange, set[str], list[str]]] = {}
    for one in transactions:
        for change in one.changes:
            kept = found.setdefault((change.rule, change.key, change.package), (change, set(), []))
            kept[1].add(one.host)
            kept[2].append(one.started_at)
    shared = [
        SameChange(change, tuple(sorted(hosts)), min(times), max(times))
        for change, hosts, times in found.values()
        if len(hosts) >= least
    ]
    return tuple(sorted(shared, key=lambda one: (not one.change.weakens, -len(one.hosts), one.change.sentence)))
