"""A report as one self-contained HTML page: no script, no request to anywhere; dark and light, phone and paper."""

from __future__ import annotations

from functools import cache
from typing import Any

import jinja2

from bootkeep.reports.document import Mark, Report
from bootkeep.reports.printable import printable


def _finalize(value: Any) -> Any:
    """Every value that is put into a page: odd characters spelled out; the rest is escaped by Jinja itself."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


@cache
def environment() -> jinja2.Environment:
    """The templates of this package. Escaping is on for all of them, and an unknown name is an error."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("bootkeep.reports", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_html(report: Report) -> str:
    """The page. Text from the machine cannot become markup: it is escaped where it is put in."""
    return environment().get_template("report.html.j2").render(report=report, marks=Mark)
