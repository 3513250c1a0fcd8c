"""How much the store may hold, and what goes when it holds more: the oldest first, never what is still needed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.delivered import is_delivered
from bootkeep.edges.trees import remove_tree

#: What the store calls a transaction: its time, and eight hex digits.
TRANSACTION_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}\Z", re.ASCII)
#: An unreferenced copy or draft younger than this belongs to a writer that is still at work.
_GRACE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Retention:
    """How much the store may hold. The newest transaction and open ones are always kept."""

    count: int = 200
    age_days: float = 400.0
    bytes: int = 512 * 1024 * 1024  # transactions with the copies of configuration files that they alone refer to
    await_delivery: bool = False  # keep, whatever the limits, what nobody has taken over yet (Store.mark_delivered)


def prune_transactions(
    folder: Path, newest_first: Iterable[str], is_open: Callable[[str], bool], limits: Retention
) -> tuple[str, ...]:
    """Remove transactions beyond the limits; their ids. ``folder`` holds them all."""
    oldest_allowed = time.time() - limits.age_days * 86400
    gone: list[str] = []
    kept_bytes = 0
    counted: set[str] = set()
    for number, name in enumerate(newest_first):
        place = folder / name
        own = _digests(place) - counted
        size = _tree_size(place) + sum(_file_size(blob_path(folder.parent, digest)) for digest in own)
        too_many = number >= limits.count or kept_bytes + size > limits.bytes
        too_old = _modified(place / "record.json") < oldest_allowed
        waits = limits.await_delivery and not is_delivered(place)
        if number > 0 and (too_many or too_old) and not waits and not is_open(name):
            remove_transaction(place)
            gone.append(name)
        else:
            kept_bytes += size
            counted |= own
    return tuple(gone)


def prune_leftovers(root: Path) -> None:
    """Remove drafts and half-made transactions whose writer died, and copies that no transaction refers to."""
    young = time.time() - _GRACE_S
    for entry in (*os.scandir(root), *os.scandir(root / "transactions")):
        if entry.is_file(follow_symlinks=False) and entry.name.endswith((".draft", ".taken")):
            if _modified(Path(entry.path)) < young:
                Path(entry.path).unlink(missing_ok=True)
        elif TRANSACTION_ID.match(entry.name) and entry.is_dir(follow_symlinks=False):
            for draft in Path(entry.path).rglob(".*.draft"):
                if _modified(draft) < young:
                    draft.unlink(missing_ok=True)
            no_record = not os.path.lexists(os.path.join(entry.path, "record.json"))
            if no_record and _modified(Path(entry.path)) < young:
                remove_transaction(Path(entry.path))
        elif entry.name.startswith(".gone."):
            remove_tree(entry.path, ignore_errors=True)
    _prune_blobs(root, young)


def blob_path(root: Path, digest: str) -> Path:
    """Where the copy with this digest lies in a store."""
    return root / "blobs" / digest[:2] / f"{digest}.gz"


def _prune_blobs(root: Path, young: float) -> None:
    used: set[str] = set()
    for index in (root / "transactions").glob("*/config/*.json"):
        try:
            used.update(str(digest) for digest in json.loads(index.read_bytes()).values())
        except (ValueError, AttributeError):
            return  # an index that cannot be read may name any blob: keep them all
    for blob in (root / "blobs").glob("??/*"):
        if blob.name.removesuffix(".gz") not in used and _modified(blob) < young:
            blob.unlink(missing_ok=True)


def _digests(place: Path) -> set[str]:
    """Digests of all the copies that a transaction refers to; those of an index that cannot be read count nothing."""
    found: set[str] = set()
    for index in place.glob("config/*.json"):
        with contextlib.suppress(ValueError, AttributeError, OSError):
            found.update(str(digest) for digest in json.loads(index.read_bytes()).values())
    return found


def _modified(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:  # its writer has just renamed it
        return time.time()


def _file_size(path: Path) -> int:
    try:
        return os.lstat(path).st_blocks * 512
    except OSError:
        return 0


def _tree_size(folder: Path) -> int:
    return sum(_file_size(Path(parent) / name) for parent, _folders, names in os.walk(folder) for name in names)


def remove_transaction(folder: Path) -> None:
    """Rename first: a reader sees the transaction whole or not at all, and so does the sender after a kill half-way."""
    grave = folder.with_name(f".gone.{folder.name}.{os.getpid()}")
    folder.rename(grave)
    remove_tree(grave)
