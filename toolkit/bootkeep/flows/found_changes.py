"""What a transaction did that told no plan: a program that works by librpm, without a plugin. The database tells it."""

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
    """The record with the packages that differ from the look before it; as it is when a plan was known, or no look is there."""
    if session.changes or "pre" not in session.phases or not uses_rpm(root):
        return session
    try:
        before = packages_of(store.load_snapshot(session.id, "pre").readings)
        after = installed_packages(root)
    except (BootkeepError, NotUnderstood, OSError):
        return session
    if not isinstance(before, tuple):
        return session
    changes = packages_between(before, after, compare_versions)
    return replace(session, steps=(*session.steps[:-1], replace(session.steps[-1], changes=changes)))
