"""Copies of configuration files, byte for byte."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

#: All copies of one phase together; /etc of an ordinary server has 1 to 3 MB in all.
TOTAL_LIMIT_BYTES = 16 * 1024 * 1024


def read_copies(paths: Iterable[str], *, root: Path = Path("/"), limit_bytes: int) -> dict[str, bytes]:
    """The content of every regular file among ``paths`` that can be read, up to ``limit_bytes`` each.

    A file that is a link, is too long, cannot be read, or changes its kind meanwhile is left out: a missing copy shows as
    "no copy" in the report, a wrong one would mislead.
    """
    copies: dict[str, bytes] = {}
    total = 0
    for path in paths:
        try:
            descriptor = os.open(root / path.lstrip("/"), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue
        with open(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                continue
            try:
                content = stream.read(limit_bytes + 1)
            except OSError:
                continue
        total += len(content)
        if total > TOTAL_LIMIT_BYTES:
            break
        if len(content) <= limit_bytes:
            copies[path] = content
    return copies
