"""What the code already says is generated; the links of the pages lead somewhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from bootkeep.edges.run import run
from conftest import CHECKOUT

PAGES = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]


def generator() -> ModuleType:
    """docs/generate.py as a module."""
    spec = importlib.util.spec_from_file_location("generate", CHECKOUT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name", ["reference/command-line.md", "man/bootkeep.1", "reference/noise.md", "reference/changes/index.md"]
)
def test_the_reference_is_what_the_code_says(name: str) -> None:
    """`make docs` was run after the last change of an option."""
    assert (CHECKOUT / "docs" / name).read_text(encoding="utf-8") == generator().PAGES[name]()


def test_the_table_of_machines_is_current() -> None:
    """Every machine, its findings and its class; how many pages a runbook has may move, and never beyond twelve."""

    def without_pages(text: str) -> str:
        return re.sub(r"\| \d+ \|$", "|", text, flags=re.MULTILINE)

    now = generator().PAGES["reference/stacks.md"]()
    committed = (CHECKOUT / "docs/reference/stacks.md").read_text(encoding="utf-8")
    assert without_pages(committed) == without_pages(now)
    counts = [int(count) for count in re.findall(r"\| (\d+) \|$", now, flags=re.MULTILINE)]
    assert len(counts) >= 25 and max(counts) <= 12


def test_the_man_page_has_no_error() -> None:
    """groff's own warnings, all of them."""
    done = run(["groff", "-man", "-Tascii", "-P-cbou", "-ww", str(CHECKOUT / "docs/man/bootkeep.1")], timeout_s=30)
    assert done.exit_code == 0 and not done.stderr
    assert "STATUS" in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Relative links and pictures."""
    links = re.findall(r"\]\((?!https?:|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
