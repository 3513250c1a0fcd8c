"""The fleet's pages as HTML: overview, timeline, a day, a host. No request to anywhere; each is whole without its script.

What a minion said is escaped where it is put in, and the pages' policy lets no script run but those of this package.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import Any

from bootkeep import __version__
from bootkeep.reports.fleet_views import DayPage, HostPage, OverviewPage, RunbookPage, TimelinePage
from bootkeep.reports.html import environment

#: Runs before the body: says that scripts run, so that a large table's rest need not be laid out.
_EARLY = 'document.documentElement.className = "js";'


def render_overview(page: OverviewPage) -> str:
    """``index.html``."""
    return _render("overview", page, here="hosts")


def render_timeline(page: TimelinePage) -> str:
    """``timeline.html``: the one page that may load scripts beside itself, the search's data."""
    return _render("timeline", page, here="timeline", scripts=("fleet.js", "search.js"), beside=True)


def render_day(page: DayPage) -> str:
    """``timeline/<day>.html``."""
    return _render("day", page, top="../", here="day")


def render_host(page: HostPage) -> str:
    """``hosts/<host>/index.html``."""
    return _render("host", page, top="../../", here="host")


def render_runbook(page: RunbookPage) -> str:
    """``hosts/<host>/runbook.html``."""
    return _render("runbook", page, top="../../", here="runbook")


def _render(
    name: str, page: Any, *, top: str = "", here: str, scripts: tuple[str, ...] = ("fleet.js",), beside: bool = False
) -> str:
    script = "".join(_source(each) for each in scripts)
    allowed = f"'sha256-{_hash(_EARLY)}' 'sha256-{_hash(script)}'" + (" 'self'" if beside else "")
    policy = (
        f"default-src 'none'; style-src 'sha256-{_hash(_style())}'; script-src {allowed}; "
        "base-uri 'none'; form-action 'none'"
    )
    template = environment().get_template(f"fleet/{name}.html.j2")
    return template.render(
        page=page,
        top=top,
        here=here,
        policy=policy,
        style=_style(),
        early=_EARLY,
        script=script,
        tool_version=__version__,
    )


@cache
def _source(name: str) -> str:
    loader = environment().loader
    if loader is None:
        raise LookupError("the templates have no loader")
    return loader.get_source(environment(), f"fleet/{name}")[0]


@cache
def _style() -> str:
    return environment().get_template("style.css.j2").render() + "\n" + _source("fleet.css")


@cache
def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
