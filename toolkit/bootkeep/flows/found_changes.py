"""What a transaction did beyond its plan: all of it where a program works by librpm and tells none, and what an archive's
``Obsoletes`` took away, which no command line names. The database tells it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bootkeep.compare.between import packages_between
from bootkeep.edges.store import Store
from bootkeep.facts.errors import BootkeepError, NotUnderstood
from bootkeep.facts.transaction import Transaction
from bootkeep.flows.package_family import installed_packages, uses_rpm
from bootkeep.probes.packages.installed import packages_of
from bootkeep.probes.packages.rpm_version import compare_versions


def with_what_changed(session: Transaction, store: Store, root: Path) -> Transaction:
    """The record with the packages that differ from the look before it and that no plan named; as it is without that look."""
    if "pre" not in session.phases or not uses_rpm(root):
        return session
    try:
        before = packages_of(store.load_snapshot(session.id, "pre").readings)
        after = installed_packages(root)
    except (BootkeepError, NotUnderstood, OSError):
        return session
    if not isinstance(before, tuple):
        return session
    planned = {change.name for change in session.changes}
    found = tuple(change for change in packages_between(before, after, compare_versions) if change.name not in planned)
    if not found:
        return session
    last = session.steps[-1]
    return replace(session, steps=(*session.steps[:-1], replace(last, changes=(*last.changes, *found))))
