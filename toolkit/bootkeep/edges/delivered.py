"""Which of a transaction's files a master gets, and whether it has them as they are now.

``transactions/<id>/delivered`` says who confirmed which record, and how the files looked then (name, size, time, inode): a
later phase changes them, and the transaction waits again. The clock takes no part in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

from bootkeep.edges.files import replace_file

#: What belongs to a record. Sealed copies hold secrets and stay on the host; lines and marks are the host's own.
_PART = re.compile(
    r"(?:record|restored|verdict-[a-z]{3,8}|copies-[a-z]{3,8}|config/[a-z]{3,8})\.json\Z|[a-z]{3,8}\.json\.gz\Z",
    re.ASCII,
)
_MARK = "delivered"
#: Transactions that went for lack of space before their time, for the sender to tell.
DROPPED = "dropped-for-space.json"


def parts(place: Path) -> tuple[str, ...]:
    """Names of the files of a transaction's record, sorted."""
    names = []
    for folder in ("", "config"):
        try:
            entries = sorted(os.scandir(place / folder), key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if _PART.match(name) and entry.is_file(follow_symlinks=False):
                names.append(name)
    return tuple(sorted(names))


def stamp_of(place: Path) -> str:
    """How the files look without being read. Another stamp means that something may have changed."""
    looks = []
    for name in parts(place):
        info = os.lstat(place / name)
        looks.append(f"{name} {info.st_size} {info.st_mtime_ns} {info.st_ino}")
    return hashlib.sha256("\n".join(looks).encode()).hexdigest()


def mark(place: Path, to: str, digest: str = "", stamp: str = "") -> None:
    """Say that ``to`` holds the transaction as it is now. Raises OSError."""
    content = {"to": to, "digest": digest, "stamp": stamp or stamp_of(place)}
    replace_file(place / _MARK, json.dumps(content, ensure_ascii=True).encode("ascii") + b"\n")


def is_delivered(place: Path) -> bool:
    """Whether somebody holds the transaction as it is now."""
    return _valid_mark(place) is not None


def confirmed_digest(place: Path) -> str:
    """The digest of the record that was confirmed, when that is the transaction as it is now; else empty."""
    return str((_valid_mark(place) or {}).get("digest", ""))


def _valid_mark(place: Path) -> dict[str, object] | None:
    try:
        content = json.loads((place / _MARK).read_bytes())
        return content if content["stamp"] == stamp_of(place) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # no mark, or a damaged one: it is sent again, which does no harm
