"""A report's changes as rows, and when two of them are the same."""

from __future__ import annotations

import hashlib

from bootkeep.facts.change import Change
from bootkeep.fleet.sql import clean


def same_change(change: Change) -> str:
    """What is equal where the same thing happened to another host: ``37 hosts: sshd_config replaced by openssh-server``."""
    parts = (change.family, change.key, change.kind.value, change.change_class.value, change.package, change.rule)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def change_row(host: str, id: str, number: int, change: Change) -> dict[str, object]:
    """A row of the table of changes."""
    return {
        "host": host,
        "id": id,
        "number": number,
        "same": same_change(change),
        "change_class": change.change_class.value,
        "severity": change.severity.value,
        "family": clean(change.family, 64),
        "subject": clean(change.key),
        "package": clean(change.package, 200),
        "rule": clean(change.rule, 200),
        "sentence": clean(change.sentence),
    }
