"""``texts:<pattern>[|<pattern>...]``: the texts of all regular files that match, without their secrets.

For small configuration files whose lines are compared one by one (repositories, cron, PAM, fstab). They are redacted before they
leave this module, so that no snapshot ever holds a password out of an URL or a credential out of an fstab line. Files
whose content must never be copied (``is_denied``) are left out: their digests tell that they changed.
"""

from __future__ import annotations

import errno
import glob
import json
import os
import stat
from pathlib import Path

from bootkeep.edges.clean_texts import clean_text
from bootkeep.edges.redaction_key import host_mask
from bootkeep.facts.redaction import is_denied

#: A longer file is data, not configuration of this kind.
_LONGEST_BYTES = 512 * 1024
#: All files of one answer together.
_TOTAL_BYTES = 4 * 1024 * 1024


def answer(root: Path, argument: str) -> str:
    """JSON object ``{path: text}``, by path as the machine names it. FileNotFoundError when no pattern's folder exists.

    Raises OSError (EFBIG) when the files are longer than configuration is: cut texts would show as removed lines.
    """
    prefix, mask = "" if root == Path("/") else str(root).rstrip("/"), host_mask(root)
    found: dict[str, str] = {}
    seen: set[str] = set()
    total, places = 0, 0
    for pattern in argument.split("|"):
        places += Path(prefix + _fixed(pattern)).is_dir()
        for match in sorted(glob.iglob(glob.escape(prefix) + pattern, include_hidden=True)):
            path = match[len(prefix) :]
            place = os.path.join(os.path.realpath(os.path.dirname(match)), os.path.basename(match))
            if is_denied(path) or place in seen:  # merged /usr: /lib is /usr/lib
                continue
            seen.add(place)
            content = _content(match)
            if content is None:
                continue
            total += len(content)
            if total > _TOTAL_BYTES:
                raise OSError(errno.EFBIG, "the files are longer than configuration is", argument)
            found[path] = clean_text(content.decode("utf-8", "surrogateescape"), mask)
    if not found and not places:
        raise FileNotFoundError(errno.ENOENT, "no such file", argument)
    return json.dumps(found)


def _fixed(pattern: str) -> str:
    """The folder that must exist for the pattern to have a meaning; a plain path has none."""
    if not glob.has_magic(pattern):
        return pattern
    while glob.has_magic(pattern):
        pattern = os.path.dirname(pattern)
    return pattern


def _content(path: str) -> bytes | None:
    """The file's bytes; None for what is no regular file (a link may lead to one) or went away meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ELOOP):  # a socket; a link that leads round
            return None
        raise
    with open(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        try:
            content = stream.read(_LONGEST_BYTES + 1)
        except OSError as error:
            if error.errno == errno.EINVAL:  # files of /sys that answer only to their owner
                return None
            raise
    if len(content) > _LONGEST_BYTES:
        raise OSError(errno.EFBIG, f"longer than {_LONGEST_BYTES} bytes", path)
    return content
