"""A report as JSON, as docs/reference/schemas/report-1.json describes it."""

from __future__ import annotations

from bootkeep.facts.codec import to_json
from bootkeep.reports.document import Report


def render_json(report: Report) -> str:
    """The report as data. ASCII only: bytes that are no UTF-8 stay what they were, as escapes."""
    return to_json(report, indent=2) + "\n"
