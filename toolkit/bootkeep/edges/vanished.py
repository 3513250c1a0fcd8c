"""Files of a kept tree put back where they vanished: only what is missing, each whole or not at all, nothing overwritten."""

from __future__ import annotations

import contextlib
import errno
import filecmp
import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

from bootkeep.edges.files import sync_folder

#: A hard link is impossible, a copy is not (as for preserving itself).
_LINK_REFUSALS = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES})


def put_file_back(kept: Path, place: Path, *, link: bool) -> bool:
    """Give a kept file its old name again; False when something stands there. ``link``: by hard link where that is possible.

    A full disk has room for a second name where it has none for a copy.
    """
    if os.path.lexists(place):
        return False
    place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    draft = place.with_name(f".{place.name}.{os.getpid()}.draft")
    try:
        if not (link and _linked(kept, draft)):
            _copied_or_linked(kept, draft)
        draft.rename(place)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(place.parent)
    return True


def missing_of(kept: Path, place: Path) -> tuple[Path, ...]:
    """What of a kept modules tree is not there, relative.

    Nothing where a module of another content stands: that is another build, and the two must not be mixed. Raises OSError.
    """
    missing: list[Path] = []
    for parent, _folders, names in os.walk(kept):
        for name in names:
            inside = (Path(parent) / name).relative_to(kept)
            there = place / inside
            if not os.path.lexists(there):
                missing.append(inside)
            elif inside.parts[0] == "kernel" and not same_file(kept / inside, there):
                return ()
    return tuple(missing)


def put_tree_back(kept: Path, place: Path, missing: Iterable[Path]) -> int:
    """Put back these files of a modules tree; how many that were.

    Packaged modules (below ``kernel/``) are linked, what depmod and DKMS write in place is copied. Raises OSError.
    """
    count = 0
    for inside in missing:
        source = kept / inside
        regular = stat.S_ISREG(source.lstat().st_mode)
        count += put_file_back(source, place / inside, link=regular and inside.parts[0] == "kernel")
    return count


#: What depmod makes of a tree: without modules it says nothing to anybody.
_INDEXES = "modules."


def take_tree_away(kept: Path, place: Path, names: Iterable[str]) -> int:
    """Take these files of a modules tree away where they still are what was kept, then depmod's indexes and empty folders.

    A file that somebody changed or put there since stays, and its folders with it. Raises OSError.
    """
    count = 0
    for name in names:
        there = place / name
        if ".." in there.parts or not os.path.lexists(there):
            continue
        if Path(name).parts[0] == "kernel" and not (os.path.lexists(kept / name) and same_file(kept / name, there)):
            continue
        there.unlink()
        count += 1
    for folder, _folders, _names in sorted(os.walk(place), reverse=True):
        path = Path(folder)
        if path == place and not (place / "kernel").exists():
            for index in path.glob(f"{_INDEXES}*"):
                if index.is_file():
                    index.unlink()
        with contextlib.suppress(OSError):  # not empty
            path.rmdir()
    return count


def _copied_or_linked(kept: Path, draft: Path) -> None:
    try:
        shutil.copy2(kept, draft, follow_symlinks=False)
        if not draft.is_symlink():
            with draft.open("rb") as stream:
                os.fsync(stream.fileno())
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        draft.unlink(missing_ok=True)
        if not _linked(kept, draft):
            raise


def _linked(kept: Path, draft: Path) -> bool:
    try:
        os.link(kept, draft, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _LINK_REFUSALS:
            raise
        return False
    return True


def same_file(one: Path, other: Path) -> bool:
    """Whether both are the same file, or have the same content."""
    first, second = one.lstat(), other.lstat()
    if (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino):
        return True
    if not (stat.S_ISREG(first.st_mode) and stat.S_ISREG(second.st_mode)):
        return stat.S_IFMT(first.st_mode) == stat.S_IFMT(second.st_mode)
    return first.st_size == second.st_size and filecmp.cmp(one, other, shallow=False)
