"""Examples in every docstring, and a reference page that names everything there is."""

from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path

import pytest

from bootkeep.facts.policy import Policy

CHECKOUT = Path(__file__).parents[3]
PAGE = (CHECKOUT / "docs" / "reference" / "salt.md").read_text(encoding="utf-8")
MODULES = sorted((CHECKOUT / "salt" / "_modules").glob("*.py"))
STATES = sorted((CHECKOUT / "salt" / "_states").glob("*.py"))


def public(path: Path) -> list[ast.FunctionDef]:
    """What Salt's loader offers of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_module_function_has_a_cli_example_and_a_place_in_the_reference(path: Path) -> None:
    """``salt '*' sys.doc`` is where people look."""
    functions = public(path)
    assert functions
    for node in functions:
        text = ast.get_docstring(node) or ""
        assert "CLI Example:" in text and f"{path.stem}.{node.name}" in text, node.name
        assert f"`{path.stem}.{node.name}(" in PAGE, node.name


@pytest.mark.parametrize("path", STATES, ids=lambda path: path.stem)
def test_every_state_has_an_example_and_a_place_in_the_reference(path: Path) -> None:
    """And every parameter besides the name is explained."""
    for node in public(path):
        text = ast.get_docstring(node) or ""
        assert ".. code-block:: yaml" in text and f"{path.stem}.{node.name}" in text, node.name
        assert f"`{path.stem}.{node.name}`" in PAGE, node.name
        for argument in node.args.args[1:]:
            assert re.search(rf"^{argument.arg}$", text, re.MULTILINE), f"{node.name}: {argument.arg}"


def test_every_key_of_the_policy_is_in_the_reference() -> None:
    """A switch that nobody can find does not exist."""
    for field in dataclasses.fields(Policy):
        assert f"`policy:{field.name}`" in PAGE or f"`{field.name}`" in PAGE, field.name
