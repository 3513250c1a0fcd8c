"""What the house tests look at: the tracked files, and the imports of the package's modules."""

from __future__ import annotations

import ast
import os
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PACKAGE = CHECKOUT / "toolkit" / "bootkeep"
_NOT_OURS = {".git", ".venv", ".cache", "out", "build", "dist", "wheels", "__pycache__"}


def files(suffix: str, *tops: str) -> list[Path]:
    """Every file of ours with this suffix, below the given top folders (all when none is given)."""
    found = []
    for base in [CHECKOUT / top for top in tops] or [CHECKOUT]:
        for folder, inner, names in os.walk(base):
            inner[:] = [name for name in inner if name not in _NOT_OURS]  # disposable hosts come and go below .cache
            found += [Path(folder) / name for name in names if name.endswith(suffix)]
    return sorted(found)


def name_of(path: Path) -> str:
    """A path as the reader of a failing test wants it."""
    return str(path.relative_to(CHECKOUT))


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of one module."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, also inside functions, as dotted names."""
    names: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def part_of(module: str) -> str:
    """The room of the house that a dotted name lies in: ``bootkeep.probes.read`` -> ``probes``."""
    pieces = module.split(".")
    return pieces[1] if len(pieces) > 1 and pieces[0] == "bootkeep" else ""
