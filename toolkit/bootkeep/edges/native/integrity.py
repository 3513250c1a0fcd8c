"""``integrity:<package>,...``: files of these packages whose content is not what the package shipped (``dpkg --verify``).

dpkg --verify of one package reads the whole status database first and prints configuration files too; here only the
packages asked for are hashed. Takes as long as their files are big: for the detached worker, never for a hook.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from bootkeep.edges.native.rpm_files import altered_of
from bootkeep.edges.native.rpm_packages import has_database


def answer(root: Path, argument: str) -> str:
    """JSON object: path -> ``missing`` or ``altered``: ``/var/lib/dpkg/info/<package>.md5sums``, and ``rpm -V``."""
    info = root / "var/lib/dpkg/info"
    wanted = set(argument.split(",")) - {""}
    rpm = has_database(root)
    found: dict[str, str] = altered_of(root, wanted) if rpm else {}
    for name in sorted(os.listdir(info)) if info.is_dir() or not rpm else ():
        if not name.endswith(".md5sums") or name[:-8].partition(":")[0] not in wanted:
            continue
        for line in (info / name).read_bytes().decode("utf-8", "surrogateescape").split("\n"):
            digest, _, path = line.partition("  ")
            if len(digest) == 32 and path:
                state = _state(root / path, digest)
                if state:
                    found[f"/{path}"] = state
    return json.dumps(found)


def _state(path: Path, digest: str) -> str:
    try:
        with path.open("rb") as stream:
            present = hashlib.file_digest(stream, lambda: hashlib.new("md5", usedforsecurity=False)).hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        # dpkg can be told not to unpack such files (path-exclude of slim systems); documentation is nobody's integrity.
        return "" if "/share/doc/" in str(path) or "/share/man/" in str(path) or "/locale/" in str(path) else "missing"
    return "" if present == digest else "altered"
