"""Who may import whom (docs/explanation/architecture.md): the straight line has no way back."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from house.source import CHECKOUT, PACKAGE, files, imports_of, name_of, part_of, tree_of

#: A room and the rooms that it may import from, besides itself.
MAY_IMPORT = {
    "facts": set(),
    "probes": {"facts"},
    "assemble": {"facts", "probes", "assemble"},
    "compare": {"facts", "probes", "assemble", "compare"},
    "rules": {"facts", "probes", "assemble", "compare"},
    "remedies": {"facts", "probes", "assemble", "compare", "rules"},
    "runbook": {"facts", "probes", "assemble", "compare", "rules", "remedies", "reports"},
    "reports": {"facts", "probes", "assemble", "compare", "rules", "remedies"},
    "edges": {"facts", "probes"},
    "flows": {"facts", "probes", "assemble", "compare", "rules", "remedies", "runbook", "reports", "edges"},
    "hooks": {"facts", "flows", "edges"},
    "fleet": {"facts", "flows", "edges", "reports", "runbook", "rules", "compare"},
    "cli": {"facts", "flows", "edges", "reports", "runbook", "remedies", "rules", "probes", "fleet"},
    "lab": {"facts", "flows", "edges", "reports", "runbook", "fleet"},
}
PURE = ("facts", "probes", "assemble", "compare", "rules", "remedies", "runbook", "reports")
#: What touches a machine, or reads the clock.
IMPURE_MODULES = {
    "os",
    "subprocess",
    "socket",
    "shutil",
    "psutil",
    "time",
    "tempfile",
    "glob",
    "fcntl",
    "signal",
    "salt",
}
MODULES = files(".py", "toolkit")
#: What may use the cipher library that Salt stands on, and only late.
CIPHERS = ("toolkit/bootkeep/edges/sealing.py", "toolkit/bootkeep/edges/signing.py")


def room(path: Path) -> str:
    """The room that a file lies in; top-level modules are rooms by their stem (assemble_system belongs to assemble)."""
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem.split("_")[0]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_room_imports_only_what_lies_left_of_it(path: Path) -> None:
    """One direction only, so that judging never reads a machine and nothing depends on the command line."""
    if path.name in ("__init__.py", "__main__.py") and path.parent == PACKAGE:
        assert imports_of(path) <= {"__future__", "__future__.annotations", "bootkeep.cli.app", "bootkeep.cli.app.main"}
        return
    here = room(path)
    assert here in MAY_IMPORT, f"{name_of(path)} lies in no room"
    allowed = MAY_IMPORT[here] | {here}
    used = {part_of(module).split("_")[0] for module in imports_of(path) if module.startswith("bootkeep.")}
    assert used <= allowed | {"", "__version__"}, f"{here} must not import {sorted(used - allowed)}"


@pytest.mark.parametrize("path", [path for path in MODULES if room(path) in PURE], ids=name_of)
def test_pure_code_touches_nothing(path: Path) -> None:
    """facts, probes, rules, remedies, runbook and reports stay free of input, output and the clock."""
    used = {module.split(".")[0] for module in imports_of(path)}
    assert not used & IMPURE_MODULES, f"imports {sorted(used & IMPURE_MODULES)}"


@pytest.mark.parametrize("path", [path for path in MODULES if room(path) == "edges"], ids=name_of)
def test_edges_import_of_the_probes_only_the_reads(path: Path) -> None:
    """An edge answers reads; it does not know what they are for."""
    used = {module for module in imports_of(path) if module.startswith("bootkeep.probes.")}
    assert all(module.startswith("bootkeep.probes.read") for module in used), sorted(used)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_in_the_toolkit_imports_salt(path: Path) -> None:
    """The toolkit works without Salt; Salt's modules are thin and lie in salt/."""
    assert "salt" not in {module.split(".")[0] for module in imports_of(path)}


@pytest.mark.parametrize("path", [path for path in MODULES if room(path) != "fleet"], ids=name_of)
def test_only_the_fleet_knows_the_database(path: Path) -> None:
    """A host never needs SQLAlchemy; the commands that do import the room when they are called."""
    used = {module.split(".")[0] for module in imports_of(path)}
    assert not used & {"sqlalchemy", "alembic", "psycopg"}


@pytest.mark.parametrize(
    "path", [path for path in MODULES if room(path) in (*PURE, "edges", "flows", "hooks")], ids=name_of
)
def test_what_hooks_reach_needs_only_the_standard_library_and_psutil(path: Path) -> None:
    """A hook runs in Salt's Python in the middle of a transaction: no Typer, no Rich; pages may use Jinja2, late.

    So may one edge use the cipher library that Salt stands on, when there is a secret to seal.
    """
    own = {"bootkeep", "psutil", *sys.stdlib_module_names}
    pages = (
        {"jinja2", "markupsafe", "rich", "typst", "segno"} if room(path) in ("reports", "runbook", "flows") else set()
    )
    pages |= {"cryptography"} if name_of(path) in CIPHERS else set()
    used = {module.split(".")[0] for module in imports_of(path)}
    assert used <= own | pages, sorted(used - own - pages)


def test_the_cipher_library_is_imported_only_where_something_is_sealed() -> None:
    """At the top of the module it would cost every hook its time."""
    for name in CIPHERS:
        tree = tree_of(CHECKOUT / name)
        top = {node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom)}
        assert not [module for module in top if module.startswith("cryptography")]
