"""Which packages own the files below one directory, from dpkg's file lists.

``dpkg-query -S`` starts a process and reads every list as well; this reads them once for all paths and tests each
list with one substring search (about 40 ms for 1000 packages, warm).
"""

from __future__ import annotations

import json
import os
from pathlib import Path


def answer(root: Path, argument: str) -> str:
    """JSON ``{path: [package, ...]}`` for every listed path that begins with ``argument`` (``/boot/``)."""
    folder = root / "var/lib/dpkg/info"
    needle = os.fsencode(argument)
    owners: dict[str, list[str]] = {}
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.name.endswith(".list"))
    for name in names:
        try:
            content = (folder / name).read_bytes()
        except FileNotFoundError:  # a package is being removed while we look
            continue
        if needle in content:
            for line in content.split(b"\n"):
                if line.startswith(needle):
                    owners.setdefault(os.fsdecode(line), []).append(name.removesuffix(".list"))
    return json.dumps(owners, sort_keys=True)
