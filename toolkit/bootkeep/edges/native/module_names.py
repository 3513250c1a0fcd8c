"""Names of a kernel's modules: those that are files (modules.dep) and those that are built in (modules.builtin)."""

from __future__ import annotations

import re
from pathlib import Path

_TREES = Path("/lib/modules")
_NAME = re.compile(r"([^/]+)\.ko(?:\.\w+)?$")


def releases() -> list[str]:
    """Releases that have a tree of modules."""
    return sorted(path.name for path in _TREES.glob("*/") if (path / "modules.dep").is_file())


def module_names(release: str) -> tuple[frozenset[str], frozenset[str]]:
    """Names of loadable and of built-in modules, ``-`` written as ``_``; empty sets where the lists are not there."""
    return _names(_TREES / release / "modules.dep"), _names(_TREES / release / "modules.builtin")


def _names(path: Path) -> frozenset[str]:
    if not path.is_file():
        return frozenset()
    found: set[str] = set()
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            match = _NAME.search(line.partition(":")[0].strip())
            if match:
                found.add(match[1].replace("-", "_"))
    return frozenset(found)
