"""The configuration files that a transaction may replace, read before and after it."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable
from pathlib import Path

from bootkeep.edges.run import run
from bootkeep.edges.store import CONFIG_COPY_LIMIT
from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.redaction import is_denied
from bootkeep.facts.transaction import PackageChange
from bootkeep.probes.config.files import parse_conffiles

#: All copies of one phase together; configuration is small, and a hook has no time for what is not.
_TOTAL_LIMIT = 32 * 1024 * 1024


def planned_config_copies(changes: Iterable[PackageChange], root: Path, *, budget_s: float = 0.8) -> dict[str, bytes]:
    """Path -> content of every conffile of the packages in the plan, old version's and new version's.

    Left out: files whose content must not be copied (keys, passwords), links, and what is larger than any configuration.
    New archives are asked for theirs until ``budget_s`` seconds are over; the installed ones cost nothing.
    """
    changes = tuple(changes)
    paths = _installed_conffiles(changes, root) | _archive_conffiles(changes, time.monotonic() + budget_s)
    copies: dict[str, bytes] = {}
    total = 0
    for path in sorted(paths):
        content = None if is_denied(path) else _content(root / path.lstrip("/"))
        if content is not None and total + len(content) <= _TOTAL_LIMIT:
            copies[path] = content
            total += len(content)
    return copies


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


def _content(path: Path) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with open(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            return None
        try:
            content = stream.read(CONFIG_COPY_LIMIT + 1)
        except OSError:
            return None
    return content if len(content) <= CONFIG_COPY_LIMIT else None
