"""Copies of configuration files: the content byte for byte, and what else makes the file what it is.

A content in which secrets are recognised is not kept as it is: the store holds the text without them, to read and compare,
and the whole content sealed with the host's key, to put back.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import os
import stat
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from bootkeep.edges.clean_texts import clean_text
from bootkeep.edges.redaction_key import fingerprint
from bootkeep.edges.sealing import seal
from bootkeep.facts.config_copy import ConfigCopy, CopyKind, FreshCopy
from bootkeep.facts.redaction import is_denied, keyed_mask, plain_mask

#: All copies of one phase together; /etc of an ordinary server has 1 to 3 MB in all.
TOTAL_LIMIT_BYTES = 16 * 1024 * 1024
DENIED = "this kind of file may hold secrets: its content is never copied"
HOLDS_SECRETS = "it holds a secret, and it could not be sealed: only the text without it was kept"


def read_copies(
    paths: Iterable[str], *, root: Path = Path("/"), limit_bytes: int, key: bytes | None = None
) -> dict[str, FreshCopy]:
    """Every file and link among ``paths`` that is there, up to ``limit_bytes`` of content each.

    ``key`` makes pseudonyms and fingerprints. A file that cannot be read is left out: a missing copy shows as "no copy" in
    the report, a wrong one would mislead.
    """
    copies: dict[str, FreshCopy] = {}
    total = 0
    for path in paths:
        copy = read_copy(path, root=root, limit_bytes=limit_bytes, key=key)
        if copy is None:
            continue
        total += len(copy.content or b"") + len(copy.sealed)
        if total > TOTAL_LIMIT_BYTES:
            break
        copies[path] = copy
    return copies


def read_copy(path: str, *, root: Path, limit_bytes: int, key: bytes | None = None) -> FreshCopy | None:
    """One file or link; None for what is neither, or cannot be read."""
    place = root / path.lstrip("/")
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        descriptor = os.open(place, flags)
    except OSError as error:
        return _link(place) if error.errno == errno.ELOOP else None
    info = os.fstat(descriptor)
    if not stat.S_ISREG(info.st_mode):
        os.close(descriptor)
        return None
    with open(descriptor, "rb") as stream:
        if is_denied(path):
            return FreshCopy(_about(CopyKind.WITHHELD, info, {}, why=DENIED))
        try:
            content = stream.read(limit_bytes + 1)
        except OSError:
            return None
        xattrs = _xattrs(descriptor)
    if len(content) > limit_bytes:
        return FreshCopy(_about(CopyKind.WITHHELD, info, xattrs, why=f"it is longer than {limit_bytes} bytes"))
    mark = fingerprint(key, content)
    if b"\0" in content:
        why = "it is not a text file: nobody can tell whether it holds secrets"
        return _sealed(_about(CopyKind.WITHHELD, info, xattrs, mark=mark, why=why), None, seal(key, path, content))
    text = content.decode("utf-8", "surrogateescape")
    redacted = clean_text(text, keyed_mask(key) if key else plain_mask)
    if redacted == text:
        return FreshCopy(_about(CopyKind.FILE, info, xattrs, mark=mark), content)
    about = _about(CopyKind.REDACTED, info, xattrs, mark=mark, why=HOLDS_SECRETS)
    return _sealed(about, redacted.encode("utf-8", "surrogateescape"), seal(key, path, content))


def _sealed(about: ConfigCopy, content: bytes | None, sealed: bytes) -> FreshCopy:
    return FreshCopy(replace(about, sealed=bool(sealed)), content, sealed)


def _link(place: Path) -> FreshCopy | None:
    try:
        info, target = place.lstat(), os.readlink(place)
    except OSError:
        return None
    return FreshCopy(_about(CopyKind.LINK, info, {}, target=target))


def _about(
    kind: CopyKind, info: os.stat_result, xattrs: dict[str, str], *, mark: str = "", target: str = "", why: str = ""
) -> ConfigCopy:
    return ConfigCopy(
        kind=kind,
        mode=stat.S_IMODE(info.st_mode),
        uid=info.st_uid,
        gid=info.st_gid,
        mtime_ns=info.st_mtime_ns,
        size_bytes=info.st_size,
        fingerprint=mark,
        target=target,
        xattrs=xattrs,
        why=why,
    )


def _xattrs(descriptor: int) -> dict[str, str]:
    """All extended attributes, ACLs and security labels included; none where the file system has none."""
    found: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for name in os.listxattr(descriptor):
            with contextlib.suppress(OSError):
                found[name] = base64.b64encode(os.getxattr(descriptor, name)).decode("ascii")
    return found
