"""Copies of configuration files in the store: their contents beside what else makes each file what it is.

::

    transactions/<id>/config/<phase>.json   path -> digest of its content (edges.store)
    transactions/<id>/copies-<phase>.json   path -> facts.config_copy.ConfigCopy
    transactions/<id>/sealed/<phase>/*      whole contents that hold a secret, sealed (edges.sealing); never delivered
    transactions/<id>/restored.json         what was put back since, oldest first
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bootkeep.edges.files import private_folder, replace_file
from bootkeep.edges.refusals import damage, refusals
from bootkeep.edges.retention import TRANSACTION_ID
from bootkeep.edges.store import PHASES, Store
from bootkeep.facts.codec import from_json, to_json
from bootkeep.facts.config_copy import ConfigCopy, FreshCopy, Restored
from bootkeep.facts.errors import StoreError


@dataclass(frozen=True, slots=True)
class _Copies:
    """The file's JSON form."""

    copies: Mapping[str, ConfigCopy] = field(default_factory=dict)
    schema: int = 1


@dataclass(frozen=True, slots=True)
class _RestoredFiles:
    restored: tuple[Restored, ...] = ()
    schema: int = 1


def add_copies(store: Store, transaction_id: str, phase: str, fresh: Mapping[str, FreshCopy]) -> None:
    """Add copies to a phase. Before: of a session's many steps the first copy counts. After: the last one does.

    Sealed contents are written first, the facts that name them next: facts never promise what is not there, and a readable
    content without facts could be put back with the wrong rights.
    """
    if not fresh:
        return
    facts = {path: copy.about for path, copy in fresh.items()}
    contents = {path: copy.content for path, copy in fresh.items() if copy.content is not None}
    known = load_copies(store, transaction_id, phase)
    merged = {**facts, **known} if phase == "pre" else {**known, **facts}
    _seal(store, transaction_id, phase, {path: copy for path, copy in fresh.items() if merged[path] is copy.about})
    if merged != known:
        with refusals(store.root, "copy configuration files"):
            path = _place(store, transaction_id, f"copies-{phase}.json")
            replace_file(path, to_json(_Copies(merged)).encode("ascii") + b"\n")
    earlier = store.config_copies(transaction_id, phase)
    kept = {**contents, **earlier} if phase == "pre" else {**earlier, **contents}
    # A file that lost its content since (a secret came into it) must not keep the text of the step before.
    kept = {path: content for path, content in kept.items() if path in contents or path not in facts or phase == "pre"}
    if kept != earlier:
        store.save_config_copies(transaction_id, phase, kept)


def load_copies(store: Store, transaction_id: str, phase: str) -> dict[str, ConfigCopy]:
    """What is known of every file that was copied at a phase, by path; empty when none was. Raises StoreError."""
    path = _place(store, transaction_id, f"copies-{phase}.json")
    if phase not in PHASES:
        raise StoreError(f"{phase[:40]!r} is not a phase", where=str(store.root), next_step="Use pre or post.")
    with refusals(path, "read the copies of configuration files"), damage(path):
        try:
            return dict(from_json(_Copies, path.read_bytes(), where=str(path)).copies)
        except FileNotFoundError:
            return {}


def _seal(store: Store, transaction_id: str, phase: str, fresh: Mapping[str, FreshCopy]) -> None:
    for path, copy in fresh.items():
        if copy.sealed:
            place = _sealed_place(store, transaction_id, phase, path)
            with refusals(store.root, "keep sealed copies of configuration files"):
                private_folder(place.parent.parent)
                private_folder(place.parent)
                replace_file(place, copy.sealed)


def sealed_content(store: Store, transaction_id: str, phase: str, path: str) -> bytes:
    """A whole content as it was sealed (edges.sealing); empty when none was kept. Raises StoreError."""
    place = _sealed_place(store, transaction_id, phase, path)
    with refusals(place, "read a sealed copy"):
        try:
            return place.read_bytes()
        except FileNotFoundError:
            return b""


def kept_paths(store: Store, transaction_id: str, phase: str) -> tuple[str, ...]:
    """Paths of all files that were copied at a phase."""
    return tuple(load_copies(store, transaction_id, phase))


def add_restored(store: Store, transaction_id: str, restored: Restored) -> None:
    """Remember that a file was put back."""
    path = _place(store, transaction_id, "restored.json")
    record = _RestoredFiles((*load_restored(store, transaction_id), restored))
    with refusals(path, "record what was put back"):
        replace_file(path, to_json(record, indent=1).encode("ascii") + b"\n")


def load_restored(store: Store, transaction_id: str) -> tuple[Restored, ...]:
    """Which of this transaction's files were put back since, oldest first."""
    path = _place(store, transaction_id, "restored.json")
    with refusals(path, "read what was put back"), damage(path):
        try:
            return from_json(_RestoredFiles, path.read_bytes(), where=str(path)).restored
        except FileNotFoundError:
            return ()


def _sealed_place(store: Store, transaction_id: str, phase: str, path: str) -> Path:
    """Named by a digest: a path may be longer than a file's name."""
    name = hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return _place(store, transaction_id, "sealed") / phase / name


def _place(store: Store, transaction_id: str, name: str) -> Path:
    if not TRANSACTION_ID.match(transaction_id):
        raise StoreError(
            f"{transaction_id[:80]!r} is not the id of a transaction",
            where=str(store.root),
            next_step="'bootkeep transactions' lists the ids there are.",
        )
    return store.root / "transactions" / transaction_id / name
