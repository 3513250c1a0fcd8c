"""Digests of small files, remembered from look to look: of some thousand files in /etc a transaction changes a few.

By path, with the identity that :mod:`bootkeep.edges.known_digests` explains; the same files are not remembered here that are not
there. Written once, when a look has ended (:func:`keep_small`).
"""

from __future__ import annotations

import os

from bootkeep.edges import runtime_memory
from bootkeep.edges.known_digests import is_settled

_NAME = "small-digests.json"
#: More than /etc and the keyrings of any host hold.
_MOST = 20_000
#: Path -> device, inode, size, both times, and algorithm -> digest.
_known: dict[str, list[object]] = {}
_state = {"recalled": False, "changed": False}


def _forget_small() -> None:
    """Begin with what is written, when it is asked for."""
    _known.clear()
    _state.update(recalled=False, changed=False)


runtime_memory.when_it_changes(_forget_small)


def known_small(path: str, info: os.stat_result, algorithm: str) -> str | None:
    """The digest of a file that nobody touched since it was read; None for any other."""
    if runtime_memory.remembering() is None:
        return None
    if not _state["recalled"]:
        _state["recalled"] = True
        _known.update(
            (path, entry)
            for path, entry in runtime_memory.recall(_NAME).items()
            if isinstance(entry, list) and len(entry) == 6 and isinstance(entry[5], dict)
        )
    entry = _known.get(path)
    if entry is None or entry[:5] != _identity(info):
        return None
    digests = entry[5]
    digest = digests.get(algorithm) if isinstance(digests, dict) else None
    return digest if isinstance(digest, str) else None


def remember_small(path: str, before: os.stat_result, after: os.stat_result, algorithm: str, digest: str) -> None:
    """Remember what was read between two looks at the open file, when they agree and the file has settled."""
    if runtime_memory.remembering() is None or not is_settled(after):
        return
    identity = _identity(after)
    if _identity(before) != identity:
        return
    entry = _known.pop(path, None)
    digests = entry[5] if entry is not None and entry[:5] == identity and isinstance(entry[5], dict) else {}
    _known[path] = [*identity, {**digests, algorithm: digest}]
    _state["changed"] = True


def keep_small() -> None:
    """Write what is new, for the next look."""
    if _state["changed"]:
        while len(_known) > _MOST:
            del _known[next(iter(_known))]
        runtime_memory.keep(_NAME, _known)
        _state["changed"] = False


def _identity(info: os.stat_result) -> list[object]:
    return [info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns]
