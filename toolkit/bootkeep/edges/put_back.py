"""Put one file back as it was: whole or not at all, with its rights, owner, times, ACLs and other attributes."""

from __future__ import annotations

import base64
import contextlib
import errno
import os
from pathlib import Path

from bootkeep.edges.files import sync_folder
from bootkeep.facts.config_copy import ConfigCopy, CopyKind
from bootkeep.facts.errors import BootkeepError

#: What is replaced stays beside its place under this name. Folders that are read whole (sudoers.d, cron.d, sysctl.d,
#: sshd_config.d) leave out names that end so.
KEPT_SUFFIX = ".bootkeep-old"
_ATTEMPTS = 1000


def put_back(place: Path, copy: ConfigCopy, content: bytes | None, *, seen: os.stat_result | None) -> Path | None:
    """Make ``place`` what ``copy`` says; where the file that was replaced lies now, None when there was none.

    ``seen`` is the file as it was judged (``lstat``; None when there was none): when it is another one by now, nothing is
    done. The replaced file keeps its inode under a second name, so nothing of it is lost. Raises OSError (nothing changed)
    and BootkeepError (it changed under our hands, or a right could not be given back).
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f".{place.name}.{os.getpid()}.draft")
    kept: Path | None = None
    try:
        _write_draft(draft, copy, content)
        if not _is_same(place, seen):
            raise BootkeepError(
                "the file is being changed at this moment", where=str(place), next_step="Look at it, then run it again."
            )
        kept = _keep(place) if seen is not None else None
        draft.replace(place)
    except BaseException:
        draft.unlink(missing_ok=True)
        if kept is not None:
            kept.unlink(missing_ok=True)  # the file itself is still in its place
        raise
    sync_folder(place.parent)
    return kept


def _write_draft(draft: Path, copy: ConfigCopy, content: bytes | None) -> None:
    if copy.kind is CopyKind.LINK:
        draft.symlink_to(copy.target)
        os.lchown(draft, copy.uid, copy.gid)
        os.utime(draft, ns=(copy.mtime_ns, copy.mtime_ns), follow_symlinks=False)
        return
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as stream:
        stream.write(content or b"")
        stream.flush()
        # chown(2) takes SUID bits and capabilities away, chmod(2) rewrites the mask of an ACL: in this order nothing is lost.
        os.fchown(descriptor, copy.uid, copy.gid)
        os.fchmod(descriptor, copy.mode)
        _set_xattrs(descriptor, draft, copy)
        os.utime(descriptor, ns=(copy.mtime_ns, copy.mtime_ns))
        os.fsync(descriptor)


def _set_xattrs(descriptor: int, draft: Path, copy: ConfigCopy) -> None:
    """All attributes that it had, and no others: a folder's default ACL must not add rights."""
    with contextlib.suppress(OSError):
        for name in set(os.listxattr(descriptor)) - set(copy.xattrs):
            if name.startswith(("system.posix_acl", "user.")):
                os.removexattr(descriptor, name)
    for name, value in copy.xattrs.items():
        content = base64.b64decode(value)
        with contextlib.suppress(OSError):
            if os.getxattr(descriptor, name) == content:
                continue
        try:
            os.setxattr(descriptor, name, content)
        except OSError as error:
            if name == "security.selinux" and error.errno in {errno.EOPNOTSUPP, errno.EINVAL}:
                continue  # SELinux is off by now: restorecon labels the file when it comes back
            raise BootkeepError(
                f"the attribute {name} cannot be given back: {error.strerror}",
                where=str(draft.parent),
                next_step="The file was not touched. Check the file system's mount options (acl, user_xattr).",
            ) from error


def _is_same(place: Path, seen: os.stat_result | None) -> bool:
    try:
        now = place.lstat()
    except FileNotFoundError:
        return seen is None
    if seen is None:
        return False
    return (now.st_dev, now.st_ino, now.st_mtime_ns, now.st_ctime_ns, now.st_size) == (
        seen.st_dev,
        seen.st_ino,
        seen.st_mtime_ns,
        seen.st_ctime_ns,
        seen.st_size,
    )


def _keep(place: Path) -> Path:
    """Give the present file a second name, the first that is free."""
    for number in range(_ATTEMPTS):
        name = place.with_name(place.name + KEPT_SUFFIX + (f"-{number}" if number else ""))
        try:
            os.link(place, name, follow_symlinks=False)
        except FileExistsError:
            continue
        return name
    raise BootkeepError(
        f"there are {_ATTEMPTS} copies with the suffix {KEPT_SUFFIX} already",
        where=str(place),
        next_step="Remove those that nobody needs.",
    )
