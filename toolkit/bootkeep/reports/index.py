"""The page that links several reports, a verdict and the runbooks of one host."""

from __future__ import annotations

from dataclasses import dataclass

from bootkeep.reports.document import Link
from bootkeep.reports.html import environment


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One transaction on the page."""

    title: str  # what was done, in a few words
    headline: str  # the report's own
    outcome: str  # done, failed, refused, ...
    links: tuple[Link, ...]
    weakened: int = 0  # how many changes weaken security


@dataclass(frozen=True, slots=True)
class IndexPage:
    """Everything on the page."""

    host: str
    verdict: str  # GO, NO-GO, UNKNOWN
    verdict_sentence: str
    runbook: tuple[Link, ...]
    entries: tuple[IndexEntry, ...]
    generated_at: str
    note: str = ""  # one sentence under the title


def render_index(page: IndexPage) -> str:
    """The page as HTML. Links other than plain relative ones are not made links: they stay text."""
    return environment().get_template("index.html.j2").render(page=page, safe=_is_relative)


def _is_relative(href: str) -> bool:
    return bool(href) and not href.startswith(("/", "\\")) and ":" not in href.split("/", 1)[0]
