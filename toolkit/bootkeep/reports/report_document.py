"""A report as the plain value that the typesetter's template reads. Texts stay texts: none of them becomes markup."""

from __future__ import annotations

from typing import Any

from bootkeep.facts.change import Change
from bootkeep.reports.document import FileDiff, Report, Row, SideBySide
from bootkeep.reports.printable import printable
from bootkeep.reports.text import compared_words, restored_words, since_words

#: Paper has no scroll bar: of a longer file or view only so many rows that differ are printed, and it is said.
MOST_ROWS = 200


def report_document(report: Report) -> dict[str, Any]:
    """What ``report.typ`` reads."""
    subject = report.subject
    facts = [
        ("Host", report.host),
        ("Transaction", subject.id),
        ("Command", subject.command or subject.manager),
        ("By", subject.user),
        ("Outcome", subject.outcome + (f": {subject.outcome_detail}" if subject.outcome_detail else "")),
        ("Time", f"{subject.started_at} to {subject.ended_at or '?'}"),
        ("Compared", compared_words(report)),
        ("Override", subject.override),
        ("Do instead", subject.advice),
    ]
    document = {
        "host": report.host,
        "id": subject.id,
        "word": report.verdict.word,
        "basis": report.verdict.basis,
        "mood": report.mood,
        "refused": subject.outcome == "refused",
        "verdict": report.verdict.sentence,
        "summary": report.summary,
        "findings": [f"{finding.summary} ({finding.id})" for finding in report.verdict.findings],
        "facts": [[name, value] for name, value in facts if value],
        "sections": [
            {"title": section.title, "lead": section.lead, "changes": [_change(change) for change in section.changes]}
            for section in report.sections
            # What the table of packages says already is not said again.
            if section.id != "packages" or not report.packages or not all(change.expected for change in section.changes)
        ],
        "packages": [
            [package.name, package.old_version or "-", package.new_version or "-", package.action.value]
            for package in report.packages
        ],
        "restored": [restored_words(one) for one in report.restored],
        "since": _since(report),
        "diffs": [_diff(diff) for diff in report.diffs],
        "views": [_view(view) for view in report.views],
        "not_compared": [f"{gap.family}: {gap.why}" for gap in report.not_compared],
        "generated_at": report.generated_at,
        "tool_version": report.tool_version,
    }
    clean: dict[str, Any] = _clean(document)
    return clean


def _clean(value: Any) -> Any:
    """Odd characters spelled out everywhere: fonts have no shape for them, and some turn the others around."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {name: _clean(item) for name, item in value.items()}
    return value


def _change(change: Change) -> dict[str, Any]:
    quiet = change.expected and change.severity.rank > 1
    return {
        "word": "expected" if quiet else change.severity.value,
        "sentence": change.sentence,
        "sides": list(change.sides) if change.sides and not quiet else [],
    }


def _since(report: Report) -> dict[str, Any]:
    since = report.since_last
    if since is None:
        return {"words": "", "changes": []}
    return {"words": since_words(since), "changes": [_change(change) for change in since.changes]}


def _diff(diff: FileDiff) -> dict[str, Any]:
    return {"path": diff.path, "package": diff.package, "note": diff.note, **_rows(diff.side)}


def _view(view: SideBySide) -> dict[str, Any]:
    differing = tuple(row for row in view.rows if row.left != row.right)
    return {
        "title": view.title,
        "note": view.note,
        "count": f"{view.differing} of {len(view.rows)}",
        **_rows(differing),
    }


def _rows(rows: tuple[Row, ...]) -> dict[str, Any]:
    shown = [[row.left, row.mark.value, row.right] for row in rows[:MOST_ROWS]]
    left_out = len(rows) - len(shown)
    return {"rows": shown, "left_out": f"{left_out} more rows are in the HTML report" if left_out else ""}
