"""The pages about findings, as shipped: in the wheel below the package, in a checkout below docs/."""

from __future__ import annotations

import re
from pathlib import Path

from bootkeep.facts.errors import BootkeepError

_PACKAGE = Path(__file__).resolve().parents[1]
#: Wheel first: hatch copies docs/reference/findings there (pyproject.toml, force-include).
_PLACES = (_PACKAGE / "pages", _PACKAGE.parents[1] / "docs" / "reference" / "findings")


def page_ids() -> tuple[str, ...]:
    """Ids of all findings that have a page."""
    found = {path.stem for place in _PLACES if place.is_dir() for path in place.glob("*.md")}
    return tuple(sorted(found - {"index"}))


def explained(word: str) -> str:
    """The page of a finding, or all pages of a boot class: the runbook's cover names findings by class, e.g. ``B16``."""
    if not re.fullmatch(r"B\d\d", word):
        return page(word)
    found = [text for text in map(page, page_ids()) if f"(class {word})" in text]
    if not found:
        raise BootkeepError(
            f"no finding is of class {word}",
            where="bootkeep check --explain",
            next_step="Give the id of a finding, as bootkeep check prints it.",
        )
    return "\n\n".join(found)


def page(identity: str) -> str:
    """The page of one finding, Markdown. Raises BootkeepError for an id that no finding has."""
    if identity in page_ids():
        for place in _PLACES:
            path = place / f"{identity}.md"
            if path.is_file():
                return path.read_text(encoding="utf-8")
    known = ", ".join(page_ids()) or "none: the pages were not installed with the program"
    raise BootkeepError(
        f"no finding is called '{identity}'", where="bootkeep check --explain", next_step=f"Known findings: {known}."
    )
