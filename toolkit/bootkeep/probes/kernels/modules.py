"""Modules trees: /lib/modules/<release> (merged or not merged /usr) and the preserved copies."""

from __future__ import annotations

import posixpath
import re
from typing import Any

from bootkeep.facts.kernel import ModulesTree
from bootkeep.facts.reading import Readings
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.answers import rows_of, text_of
from bootkeep.probes.read import File, Listing, Probe, Read

#: One level: the parts that tell a whole tree from a remnant. On merged-/usr hosts /lib is a link and both name the same.
TREES = Listing("/lib/modules/*/*")
USR_TREES = Listing("/usr/lib/modules/*/*")
PRESERVED_TREES = Listing("/usr/lib/bootkeep/preserved/*/modules/*")

_MODULE = re.compile(r"([^/]+)\.ko(?:\.\w+)?$")


def module_names(modules_builtin: str) -> frozenset[str]:
    """Names in ``modules.builtin`` (one path a line), ``-`` written as ``_``."""
    found = (_MODULE.search(line.strip()) for line in modules_builtin.splitlines())
    return frozenset(match[1].replace("-", "_") for match in found if match)


def modules_trees(readings: Readings) -> Maybe[dict[str, ModulesTree]]:
    """Path of the tree -> the tree; releases by the folder's name. Empty when the folders exist and hold nothing."""
    trees: dict[str, ModulesTree] = {}
    problems: list[Unknown] = []
    looked = False
    for read in (TREES, USR_TREES, PRESERVED_TREES):
        rows = rows_of(readings, read, posixpath.dirname(posixpath.dirname(read.pattern)))
        if isinstance(rows, Unknown):
            problems.append(rows)
        elif isinstance(rows, tuple):
            looked = True
            for path, parts in _by_folder(rows).items():
                trees.setdefault(path, _tree(readings, path, parts))
    if problems:
        return problems[0]
    return trees if looked or not problems else Absent("modules trees")


def _by_folder(rows: tuple[dict[str, Any], ...]) -> dict[str, dict[str, dict[str, Any]]]:
    folders: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        folder, name = posixpath.split(str(row.get("path", "")))
        folders.setdefault(folder, {})[name] = row
    return folders


def _tree(readings: Readings, path: str, parts: dict[str, dict[str, Any]]) -> ModulesTree:
    builtin = text_of(readings, File(f"{path}/modules.builtin"), f"{path}/modules.builtin")
    dependencies = parts.get("modules.dep", {})
    return ModulesTree(
        path=path,
        release=posixpath.basename(path),
        has_modules_dep=dependencies.get("type") == "file" and dependencies.get("size", 0) > 0,
        has_kernel_dir=parts.get("kernel", {}).get("type") == "dir",
        builtin=module_names(builtin) if isinstance(builtin, str) else builtin,
    )


def tree_of(trees: Maybe[dict[str, ModulesTree]], release: str) -> Maybe[ModulesTree]:
    """The packaged tree of a release."""
    if isinstance(trees, (Absent, Unknown)):
        return trees
    for folder in ("/usr/lib/modules", "/lib/modules"):
        if f"{folder}/{release}" in trees:
            return trees[f"{folder}/{release}"]
    return Absent(f"/lib/modules/{release}")


def _follow_ups(readings: Readings) -> tuple[Read, ...]:
    """modules.builtin of every tree, once: where /lib is a link to /usr/lib the second name is not read again."""
    wanted: list[Read] = []
    seen: set[object] = set()
    for read in (USR_TREES, TREES, PRESERVED_TREES):
        rows = rows_of(readings, read, read.pattern)
        if isinstance(rows, tuple):
            for row in rows:
                identity = (row.get("dev"), row.get("ino"))
                if str(row.get("path", "")).endswith("/modules.builtin") and identity not in seen:
                    seen.add(identity)
                    wanted.append(File(str(row["path"])))
    return tuple(wanted)


MODULES = Probe(
    name="modules trees", reads=(USR_TREES, TREES, PRESERVED_TREES), understand=modules_trees, follow_ups=_follow_ups
)
