"""What the safety net remembers: the look that nothing recorded came before, and how far it has accounted for.

::

    /var/lib/bootkeep/baseline.json.gz   facts.reading.Snapshot: taken where no transaction's look serves
    /var/lib/bootkeep/told.json          ids of which Salt's beacon has made an event
    /var/lib/bootkeep/accounted.json     Accounted: an aid to be quick. Without it everything is compared once more
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass, replace

from bootkeep.edges.files import private_folder, replace_file
from bootkeep.edges.redaction_key import make_key
from bootkeep.edges.refusals import refusals
from bootkeep.edges.store import Store
from bootkeep.facts.codec import from_json, to_json
from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Snapshot
from bootkeep.facts.reading_redaction import redact_readings


@dataclass(frozen=True, slots=True)
class Accounted:
    """Everything up to here is on record."""

    databases: dict[str, str]  # marks of the package databases (edges.package_database)
    transaction: str  # the newest record that was looked at; empty when there was none
    schema: int = 1


def load_accounted(store: Store) -> Accounted | None:
    """What was accounted for before; None when nothing was, or when that cannot be read."""
    path = store.root / "accounted.json"
    try:
        return from_json(Accounted, path.read_bytes(), where=str(path))
    except (OSError, NotUnderstood):
        return None


def save_accounted(store: Store, accounted: Accounted) -> None:
    """Remember it. Raises StoreError."""
    with refusals(store.root, "remember what is accounted for"):
        private_folder(store.root)
        replace_file(store.root / "accounted.json", to_json(accounted).encode("ascii") + b"\n")


@dataclass(frozen=True, slots=True)
class _Told:
    ids: tuple[str, ...]
    schema: int = 1


def load_told(store: Store) -> tuple[str, ...] | None:
    """Ids of the transactions that were told; None when nothing ever was, or that cannot be read."""
    path = store.root / "told.json"
    try:
        return from_json(_Told, path.read_bytes(), where=str(path)).ids
    except (OSError, NotUnderstood):
        return None


def save_told(store: Store, ids: tuple[str, ...]) -> None:
    """Remember what was told. Raises StoreError."""
    with refusals(store.root, "remember what was told"):
        replace_file(store.root / "told.json", to_json(_Told(ids)).encode("ascii") + b"\n")


def load_baseline(store: Store) -> Snapshot | None:
    """The look that was taken on its own; None when there is none, or when it cannot be read: then a new one is taken."""
    path = store.root / "baseline.json.gz"
    try:
        return from_json(Snapshot, gzip.decompress(path.read_bytes()), where=str(path))
    except (OSError, EOFError, zlib.error, NotUnderstood):
        return None


def save_baseline(store: Store, snapshot: Snapshot) -> None:
    """Keep a look that belongs to no transaction, without secrets; it replaces the one before. Raises StoreError."""
    with refusals(store.root, "keep the first look"):
        private_folder(store.root)
        clean = replace(snapshot, readings=redact_readings(snapshot.readings, make_key(store.root)))
        text = to_json(clean).encode("ascii") + b"\n"
        replace_file(store.root / "baseline.json.gz", gzip.compress(text, compresslevel=3, mtime=0))
