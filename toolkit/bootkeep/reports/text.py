"""A report as plain text: for a mail, a log, a pager, a screen without colours."""

from __future__ import annotations

from collections.abc import Iterator

from bootkeep.facts.change import Change
from bootkeep.facts.config_copy import Restored
from bootkeep.reports.document import Report, Row, SideBySide, SinceLast
from bootkeep.reports.printable import printable

_WIDTH = 100


def render_text(report: Report) -> str:
    """The whole report; every line is printable, none is coloured."""
    return "\n".join(printable(line) for line in _lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    subject = report.subject
    yield report.headline
    yield ""
    yield f"Host         {report.host}"
    yield f"Transaction  {subject.id}  {subject.outcome}  {subject.outcome_detail}".rstrip()
    yield f"Command      {subject.command or subject.manager}" + (f"  (by {subject.user})" if subject.user else "")
    yield f"Time         {subject.started_at} to {subject.ended_at or '?'}"
    if compared_words(report):
        yield f"Compared     {compared_words(report)}"
    if subject.override:
        yield f"Override     the guard was switched off: {subject.override}"
    if subject.advice:
        yield f"Instead      {subject.advice}"
    basis = f"  ({report.verdict.basis})" if report.verdict.basis else ""
    yield f"Verdict      {report.verdict.sentence}{basis}"
    for finding in report.verdict.findings:
        yield f"  [{finding.severity.value}] {finding.summary} ({finding.id})"
    for section in report.sections:
        yield from ("", f"{section.title} ({len(section.changes)})", "-" * _WIDTH, section.lead)
        for change in section.changes:
            yield from change_lines(change)
    yield from _restored(report)
    yield from _since_last(report)
    for diff in report.diffs:
        yield from ("", f"Content of {diff.path}", "-" * _WIDTH)
        yield from diff.unified or (diff.note,)
    for view in report.views:
        yield from view_lines(view)
    if report.not_compared:
        yield from ("", "Could not be compared", "-" * _WIDTH)
        yield from (f"  {gap.family}: {gap.why}" for gap in report.not_compared)
    yield from ("", f"bootkeep {report.tool_version}, {report.generated_at}")


def compared_words(report: Report) -> str:
    """Which two looks were compared, and when; empty when there was none."""
    if not any(report.taken_at):
        return ""
    return f"{report.phases[0]} ({report.taken_at[0]}) with {report.phases[1]} ({report.taken_at[1]})"


def _restored(report: Report) -> Iterator[str]:
    if report.restored:
        yield from ("", f"Put back since ({len(report.restored)})", "-" * _WIDTH)
    for one in report.restored:
        yield "  " + restored_words(one)


def restored_words(one: Restored) -> str:
    """One file that was put back, as a sentence."""
    who = f" by {one.by}" if one.by else ""
    kept = f"; what was there is now {one.kept_as}" if one.kept_as else ""
    return f"{one.path}, {one.at}{who}{kept}" + ("; forced, it had changed since" if one.forced else "")


def _since_last(report: Report) -> Iterator[str]:
    """Drift: what somebody or something changed between two transactions."""
    since = report.since_last
    if since is None:
        return
    yield from ("", f"Since the last transaction ({len(since.changes)})", "-" * _WIDTH, since_words(since))
    for change in since.changes:
        yield from change_lines(change)


def since_words(since: SinceLast) -> str:
    """What was compared, or why nothing was."""
    if since.note:
        return since.note[:1].upper() + since.note[1:] + "."
    between = f"between {since.since} ({since.moments[0]}) and this transaction ({since.moments[1]})"
    return f"Changed {between}: by hand, or by a program." if since.changes else f"Nothing changed {between}."


def change_lines(change: Change) -> Iterator[str]:
    """One change: its weight, its sentence, and both sides where they add something."""
    mark = "expected" if change.expected else change.severity.value.upper()
    yield f"  {mark:<8}  {change.sentence}"
    if change.sides:
        yield f"            before: {change.sides[0]}"
        yield f"            after:  {change.sides[1]}"


def view_lines(view: SideBySide) -> Iterator[str]:
    """A side-by-side view like sdiff(1) --suppress-common-lines, one above the other where a screen is narrow."""
    yield from ("", f"{view.title}, before and after ({view.differing} of {len(view.rows)} lines differ)", "-" * _WIDTH)
    if view.note:
        yield f"  not shown: {view.note}"
    for row in view.rows:
        if row.left != row.right:
            yield from _row_lines(row)


def _row_lines(row: Row) -> Iterator[str]:
    if row.left:
        yield f"  - {row.left}"
    if row.right:
        yield f"  + {row.right}"
