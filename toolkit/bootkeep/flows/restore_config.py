"""restore_config: put back configuration files that a transaction replaced or deleted, from the copies before it."""

from __future__ import annotations

import contextlib
import difflib
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from bootkeep.edges import processes
from bootkeep.edges.clock import now_utc
from bootkeep.edges.config_copies import DENIED, HOLDS_SECRETS, read_copy
from bootkeep.edges.kept_copies import add_restored, load_copies, sealed_content
from bootkeep.edges.put_back import put_back
from bootkeep.edges.redaction_key import make_key
from bootkeep.edges.sealing import CannotOpen, unseal
from bootkeep.edges.store import CONFIG_COPY_LIMIT, Store
from bootkeep.facts.config_copy import ConfigCopy, CopyKind, FreshCopy, Restored
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.redaction import is_denied, redact_text

#: Longer differences help nobody on a screen.
_LONGEST_DIFF = 400


class RestoreState(Enum):
    """What can be done about one file."""

    READY = "ready"
    SAME = "same"  # it is as it was before the transaction
    CHANGED_SINCE = "changed-since"  # somebody changed it after the transaction: --force
    NOT_KEPT = "not-kept"  # there is no copy that could be put back
    BLOCKED = "blocked"  # something else stands in its place (a directory)


@dataclass(frozen=True, slots=True)
class RestoreItem:
    """One file: what would happen to it."""

    path: str
    state: RestoreState
    sentence: str
    diff: tuple[str, ...] = ()  # unified, from now to then, without secrets
    kept_as: str = ""  # after it was done: where the replaced file lies now


@dataclass(frozen=True, slots=True)
class _Candidate:
    item: RestoreItem
    copy: ConfigCopy | None
    content: bytes | None
    seen: os.stat_result | None


def plan_restore(
    store: Store, id: str, paths: Sequence[str] = (), *, root: Path = Path("/")
) -> tuple[RestoreItem, ...]:
    """What would be put back, file by file; changes nothing.

    Without ``paths``: every file that is not any more what it was before the transaction, as far as the transaction
    changed it. Raises BootkeepError when a path was not part of the transaction's copies.
    """
    return tuple(candidate.item for candidate in _candidates(store, id, paths, root=root))


def restore(
    store: Store, id: str, paths: Sequence[str] = (), *, root: Path = Path("/"), force: bool = False
) -> tuple[RestoreItem, ...]:
    """Put the files back, each whole or not at all, and record it with the transaction; what was done to each.

    With ``force`` also those that changed since. Nothing is touched when one of the named files cannot be put back: raises
    BootkeepError that names them all.
    """
    candidates = _candidates(store, id, paths, root=root)
    _refuse(candidates, named=bool(paths), force=force)
    whole = {one.item.path: _whole(store, id, one) for one in candidates if _due(one, force=force)}
    done: list[RestoreItem] = []
    for one in candidates:
        forced = one.item.state is RestoreState.CHANGED_SINCE
        if one.copy is None or not _due(one, force=force):
            done.append(one.item)
            continue
        place = _place(root, one.item.path)
        kept = put_back(place, one.copy, whole[one.item.path], seen=one.seen)
        kept_as = str(kept)[len(str(root).rstrip("/")) :] if kept else ""
        add_restored(
            store, id, Restored(one.item.path, now_utc(), processes.person_behind(os.getpid()), kept_as, forced)
        )
        sentence = "put back" + (f"; what was there is now {kept_as}" if kept_as else "")
        done.append(RestoreItem(one.item.path, RestoreState.SAME, sentence, one.item.diff, kept_as))
    return tuple(done)


def _due(one: _Candidate, *, force: bool) -> bool:
    return one.item.state is RestoreState.READY or (force and one.item.state is RestoreState.CHANGED_SINCE)


def _whole(store: Store, id: str, one: _Candidate) -> bytes | None:
    """The content to put back; what holds a secret is unsealed only now. Raises BootkeepError before anything is touched."""
    if one.copy is None or not one.copy.sealed:
        return one.content
    try:
        return unseal(make_key(store.root), one.item.path, sealed_content(store, id, "pre", one.item.path))
    except CannotOpen as error:
        raise BootkeepError(
            f"the sealed copy of {one.item.path} cannot be opened: {error}",
            where=str(store.root),
            next_step="Nothing was changed. Put the file back from what the package manager kept beside it (.dpkg-old, "
            ".rpmsave), or from your backup.",
        ) from error


def _refuse(candidates: Iterable[_Candidate], *, named: bool, force: bool) -> None:
    stops = {RestoreState.BLOCKED} | (set() if force else {RestoreState.CHANGED_SINCE})
    if named:
        stops.add(RestoreState.NOT_KEPT)
    problems = [one.item for one in candidates if one.item.state in stops]
    if not problems:
        return
    changed = any(item.state is RestoreState.CHANGED_SINCE for item in problems)
    raise BootkeepError(
        "; ".join(f"{item.path}: {item.sentence}" for item in problems),
        where="restore-config",
        next_step="Nothing was changed. "
        + ("Look at the preview; --force puts back what changed since too." if changed else "Name the other files."),
    )


def _candidates(store: Store, id: str, paths: Sequence[str], *, root: Path) -> tuple[_Candidate, ...]:
    store.load_transaction(id)
    before, after = load_copies(store, id, "pre"), load_copies(store, id, "post")
    contents, contents_after = store.config_copies(id, "pre"), store.config_copies(id, "post")
    key = make_key(store.root)
    wanted = tuple(dict.fromkeys(paths)) or _changed(before, after, contents, contents_after)
    found = []
    for path in wanted:
        copy = before.get(path)
        now = read_copy(path, root=root, limit_bytes=CONFIG_COPY_LIMIT, key=key)
        seen = _seen(_place(root, path))
        content = contents.get(path)
        item = _judge(path, copy, content, after.get(path), now, seen, had_post=bool(after))
        found.append(_Candidate(item, copy, content, seen))
    return tuple(found)


def _changed(
    before: dict[str, ConfigCopy],
    after: dict[str, ConfigCopy],
    contents: dict[str, bytes],
    contents_after: dict[str, bytes],
) -> tuple[str, ...]:
    """Files that the transaction deleted or replaced; without a look after it, all of them."""
    return tuple(
        path
        for path, copy in sorted(before.items())
        if path not in after or not _same(copy, after[path], contents.get(path), contents_after.get(path))
    )


def _same(one: ConfigCopy, other: ConfigCopy, content: bytes | None, other_content: bytes | None) -> bool:
    if (one.kind is CopyKind.LINK) != (other.kind is CopyKind.LINK):
        return False
    if one.kind is CopyKind.LINK:
        return one.target == other.target
    rights = (one.mode, one.uid, one.gid, dict(one.xattrs)) == (other.mode, other.uid, other.gid, dict(other.xattrs))
    if one.fingerprint and other.fingerprint:
        return rights and one.fingerprint == other.fingerprint
    if content is None and other_content is None:  # withheld on both sides: size and time are all there is to know
        return rights and (one.size_bytes, one.mtime_ns) == (other.size_bytes, other.mtime_ns)
    return rights and content == other_content


def _judge(
    path: str,
    copy: ConfigCopy | None,
    content: bytes | None,
    after: ConfigCopy | None,
    now: FreshCopy | None,
    seen: os.stat_result | None,
    *,
    had_post: bool,
) -> RestoreItem:
    if copy is None:
        why = DENIED if is_denied(path) else "it was not copied before this transaction"
        return RestoreItem(path, RestoreState.NOT_KEPT, why)
    if not copy.restorable or (copy.kind is CopyKind.FILE and content is None):
        why = copy.why or "its copy is damaged"
        where = f"; look for {path}.dpkg-old or {path}.rpmsave, or put it back from your backup"
        shown = _diff(path, now, content) if copy.why == HOLDS_SECRETS else ()
        return RestoreItem(path, RestoreState.NOT_KEPT, why + where, shown)
    if seen is not None and now is None:
        kind = "a directory" if stat.S_ISDIR(seen.st_mode) else "no file or link"
        return RestoreItem(path, RestoreState.BLOCKED, f"{kind} stands in its place now")
    present = now.about if now else None
    present_content = now.content if now else None
    if present is not None and _same(copy, present, content, present_content):
        return RestoreItem(path, RestoreState.SAME, "it is as it was before the transaction")
    shown = _diff(path, now, content, target=copy.target) if copy.kind is not CopyKind.WITHHELD else ()
    if not had_post:
        sentence = "there is no look after the transaction: nobody can tell who changed it"
        return RestoreItem(path, RestoreState.CHANGED_SINCE, sentence, shown)
    if not _is_as_left(after, present, present_content, now):
        return RestoreItem(path, RestoreState.CHANGED_SINCE, "it was changed after the transaction", shown)
    verb = "was deleted" if present is None else "was replaced"
    return RestoreItem(path, RestoreState.READY, f"{verb} by the transaction; can be put back", shown)


def _is_as_left(
    after: ConfigCopy | None, present: ConfigCopy | None, content: bytes | None, now: FreshCopy | None
) -> bool:
    """Whether the file is still what the transaction left."""
    if after is None or present is None:
        return after is None and present is None
    if after.fingerprint and present.fingerprint:
        return after.fingerprint == present.fingerprint
    return (after.kind, after.target, after.size_bytes, after.mtime_ns) == (
        present.kind,
        present.target,
        present.size_bytes,
        present.mtime_ns,
    )


def _diff(path: str, now: FreshCopy | None, then: bytes | None, *, target: str = "") -> tuple[str, ...]:
    old = _lines(now.content if now else None, now.about.target if now else "")
    new = _lines(then, target)
    lines = difflib.unified_diff(old, new, f"{path} (now)", f"{path} (before the transaction)", lineterm="", n=3)
    return tuple(line for _number, line in zip(range(_LONGEST_DIFF), lines, strict=False))


def _lines(content: bytes | None, target: str) -> list[str]:
    if target:
        return [f"-> {target}"]
    return redact_text((content or b"").decode("utf-8", "surrogateescape")).splitlines()


def _seen(place: Path) -> os.stat_result | None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return place.lstat()
    return None


def _place(root: Path, path: str) -> Path:
    """The file below ``root``. A link on the way must not lead out of a mounted root."""
    place = root / path.lstrip("/")
    parent = place.parent.resolve()
    if ".." in Path(path).parts or not path.startswith("/") or not parent.is_relative_to(root.resolve()):
        raise BootkeepError(
            f"{path!r} is not a path on this system", where=str(root), next_step="Give the absolute path of the file."
        )
    return place
