"""Form that a machine can check: length, docstrings, finished work, one word for one thing."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from house.source import CHECKOUT, files, name_of, tree_of

PYTHON = files(".py")
TOOLKIT = files(".py", "toolkit")
TEXTS = [
    path
    for suffix in (".py", ".sls", ".md", ".jinja", ".yaml", ".toml", ".sh", ".html", ".typ")
    for path in files(suffix)
]
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_no_module_is_longer_than_400_lines(path: Path) -> None:
    """Past that it holds two things: split it by meaning."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", TOOLKIT + files(".py", "salt"), ids=name_of)
def test_everything_public_has_a_docstring(path: Path) -> None:
    """What it is for, its units, its errors."""
    tree = tree_of(path)
    missing = [] if ast.get_docstring(tree) or not tree.body else ["the module"]
    for node in tree.body:
        missing += _without_docstring(node, "")
    assert not missing, f"no docstring: {', '.join(missing)}"


def _without_docstring(node: ast.stmt, prefix: str) -> list[str]:
    if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
        return []
    missing = [] if ast.get_docstring(node) else [prefix + node.name]
    if isinstance(node, ast.ClassDef):
        for inner in node.body:
            missing += _without_docstring(inner, f"{prefix}{node.name}.")
    return missing


@pytest.mark.parametrize("path", files(".py", "toolkit", "salt", "tools", "docs"), ids=name_of)
def test_nothing_is_left_unfinished(path: Path) -> None:
    """No stub is shipped."""
    words = "NotImplemented" + "Error|TO" + "DO|FIX" + "ME|XX" + "X\\b"
    found = re.findall(words, path.read_text(encoding="utf-8"))
    assert not found


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_no_path_of_a_developers_machine(path: Path) -> None:
    """What is committed must mean the same everywhere."""
    text = path.read_text(encoding="utf-8", errors="replace")
    assert str(CHECKOUT) + "/" not in text
    assert ".py" + "env/" not in text


@pytest.mark.parametrize("path", files(".py", "toolkit", "salt"), ids=name_of)
def test_one_word_for_one_thing(path: Path) -> None:
    """The design's vocabulary: initramfs and boot entry, in our own names (file names of the systems keep theirs)."""
    names = {node.id for node in ast.walk(tree_of(path)) if isinstance(node, ast.Name)}
    names |= {node.name for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    wrong = {name for name in names if re.search(r"(?i)ramdisk|boot_?menu_?item", name)}
    assert not wrong


@pytest.mark.parametrize("path", files(".py", "salt/_modules"), ids=name_of)
def test_every_execution_function_shows_its_command_line(path: Path) -> None:
    """Salt's own convention: ``salt '*' sys.doc`` prints it."""
    public = [
        node for node in tree_of(path).body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]
    assert public
    missing = [node.name for node in public if "CLI Example:" not in (ast.get_docstring(node) or "")]
    assert not missing


@pytest.mark.parametrize("path", files(".py", "salt/_states"), ids=name_of)
def test_every_state_shows_an_example(path: Path) -> None:
    """A state is used from YAML: its docstring shows how."""
    public = [
        node for node in tree_of(path).body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]
    assert public
    missing = [
        n.name for n in public if ".. code-block:: yaml" not in (ast.get_docstring(n) or "") and n.name != "mod_init"
    ]
    assert not missing
