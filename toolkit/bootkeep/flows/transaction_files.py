"""The configuration files that a transaction may replace, read before and after it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from bootkeep.edges.config_copies import read_copies
from bootkeep.edges.run import run
from bootkeep.edges.store import CONFIG_COPY_LIMIT
from bootkeep.facts.config_copy import FreshCopy
from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.transaction import PackageChange
from bootkeep.flows.package_family import uses_rpm
from bootkeep.probes.config.files import parse_conffiles


def planned_config_copies(
    changes: Iterable[PackageChange], root: Path, *, budget_s: float = 0.8, key: bytes | None = None
) -> dict[str, FreshCopy]:
    """A copy of every configuration file of the packages in the plan, old version's and new version's, by path.

    ``key`` is the store's for pseudonyms (:mod:`bootkeep.edges.redaction_key`). New archives are asked for theirs until
    ``budget_s`` seconds are over; the installed ones cost nothing.
    """
    changes = tuple(changes)
    if uses_rpm(root):
        return read_copies(_of_rpm(changes, root, budget_s), root=root, limit_bytes=CONFIG_COPY_LIMIT, key=key)
    paths = _installed_conffiles(changes, root) | _archive_conffiles(changes, time.monotonic() + budget_s)
    return read_copies(sorted(paths), root=root, limit_bytes=CONFIG_COPY_LIMIT, key=key)


def _of_rpm(changes: tuple[PackageChange, ...], root: Path, budget_s: float) -> list[str]:
    """rpm's ``%config`` files. An old version's and a new one's stand under the same name, so both are asked for by it."""
    from bootkeep.edges.native.rpm_files import config_paths_in, config_paths_of  # on rpm hosts only

    until = time.monotonic() + budget_s
    paths = set(config_paths_of(root, (change.name for change in changes), timeout_s=budget_s)) if changes else set()
    if (left := until - time.monotonic()) > 0:
        paths.update(config_paths_in((change.archive for change in changes), timeout_s=max(0.1, left)))
    return sorted(paths)


def _installed_conffiles(changes: tuple[PackageChange, ...], root: Path) -> set[str]:
    try:
        text = (root / "var/lib/dpkg/status").read_bytes().decode("utf-8", "surrogateescape")
        conffiles = parse_conffiles(text)
    except (OSError, NotUnderstood):
        return set()
    names = {change.name for change in changes}
    return {conffile.path for conffile in conffiles if conffile.package in names}


def _archive_conffiles(changes: tuple[PackageChange, ...], until: float) -> set[str]:
    paths: set[str] = set()
    for change in changes:
        left = until - time.monotonic()
        if change.archive and left > 0:
            done = run(["dpkg-deb", "-I", change.archive, "conffiles"], timeout_s=max(0.1, left))
            if done.exit_code == 0:
                # deb-conffiles(5): one absolute path a line; "remove-on-upgrade " may stand before it.
                lines = (line.strip().rsplit(" ", 1)[-1] for line in done.stdout.split("\n"))
                paths.update(line for line in lines if line.startswith("/"))
    return paths
