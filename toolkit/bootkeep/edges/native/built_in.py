"""``built-in:<module>``: whether the running kernel has a module compiled in; such a one has no folder in /sys/module.

From modules.builtin of the running release (Documentation/kbuild/kbuild.rst), else from the configuration that some kernels tell in
/proc/config.gz (of a module that is named as its option is). FileNotFoundError where neither is there (a container): then
nobody can tell without asking the kernel to load it.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from pathlib import Path


def answer(root: Path, argument: str) -> str:
    """JSON ``{"built_in": true or false}``. The release is the kernel's own word: uname(2)."""
    try:
        found = _listed(root / "lib/modules" / os.uname().release / "modules.builtin", argument)
    except FileNotFoundError:
        found = _configured(root / "proc/config.gz", argument)
    return json.dumps({"built_in": found})


def _listed(path: Path, module: str) -> bool:
    with path.open("r", encoding="utf-8", errors="replace") as stream:
        return any(line.rstrip("\n").replace("-", "_").endswith(f"/{module}.ko") for line in stream)


def _configured(path: Path, module: str) -> bool:
    try:
        with gzip.open(path, "rt", encoding="utf-8", errors="replace") as stream:
            return any(line.rstrip("\n") == f"CONFIG_{module.upper()}=y" for line in stream)
    except (EOFError, zlib.error) as error:
        raise OSError(f"{path} is no gzip: {error}") from error
