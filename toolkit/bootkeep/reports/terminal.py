"""A report for a terminal, in colour, narrow enough for 80 columns."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from bootkeep.facts.change import Change, ChangeSeverity
from bootkeep.reports.document import FileDiff, Report, SideBySide
from bootkeep.reports.printable import printable
from bootkeep.reports.text import compared_words, restored_words, since_words

_STYLE_OF_WORD = {"GO": "bold green", "NO-GO": "bold red", "UNKNOWN": "bold yellow"}
_STYLE_OF_MOOD = {"good": "green", "odd": "yellow", "bad": "red"}
_STYLE_OF_SEVERITY = {
    ChangeSeverity.HIGH: "bold red",
    ChangeSeverity.MEDIUM: "yellow",
    ChangeSeverity.LOW: "cyan",
    ChangeSeverity.INFO: "dim",
}


def render_terminal(report: Report) -> RenderableType:
    """Something for ``rich.console.Console.print``. Text from the machine is never read as rich's markup."""
    style = _STYLE_OF_WORD.get(report.verdict.word, "bold yellow")
    title = report.subject.outcome.upper() if report.subject.outcome == "refused" else f"reboot: {report.verdict.word}"
    parts: list[RenderableType] = [
        Panel(
            Text(printable(report.headline), style="bold"),
            border_style=_STYLE_OF_MOOD[report.mood],
            title=Text(title, style=style),
        ),
        _facts(report),
    ]
    for section in report.sections:
        parts += [
            Rule(Text(f"{section.title} ({len(section.changes)})", style="bold"), align="left"),
            Text(section.lead, style="dim"),
        ]
        parts += [_change(change) for change in section.changes]
    if report.restored:
        parts.append(Rule(Text(f"Put back since ({len(report.restored)})", style="bold"), align="left"))
        parts += [Text(printable(restored_words(one)), style="green") for one in report.restored]
    if report.since_last is not None:
        count = len(report.since_last.changes)
        parts.append(Rule(Text(f"Since the last transaction ({count})", style="bold"), align="left"))
        parts.append(Text(printable(since_words(report.since_last)), style="dim"))
        parts += [_change(change) for change in report.since_last.changes]
    for diff in report.diffs:
        parts += [Rule(Text(printable(diff.path), style="bold"), align="left"), diff_text(diff)]
    parts += [part for view in report.views for part in _view(view)]
    if report.not_compared:
        parts.append(Rule(Text("Could not be compared", style="bold yellow"), align="left"))
        parts += [Text(printable(f"{gap.family}: {gap.why}"), style="yellow") for gap in report.not_compared]
    return Group(*parts)


def _facts(report: Report) -> RenderableType:
    subject = report.subject
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    rows = [
        ("Host", report.host),
        ("Transaction", f"{subject.id}, {subject.outcome}"),
        ("", "" if subject.outcome == "refused" else subject.outcome_detail),
        ("Command", f"{subject.command or subject.manager}" + (f" (by {subject.user})" if subject.user else "")),
        ("Compared", compared_words(report)),
        ("Override", subject.override),
        ("Instead", subject.advice),
        ("Judged", report.verdict.basis),
    ]
    for name, value in rows:
        if value:
            table.add_row(name, Text(printable(value)))
    for finding in report.verdict.findings:
        table.add_row("Finding", Text(printable(f"{finding.summary} ({finding.id})")))
    return Padding(table, (0, 1))


def _change(change: Change) -> RenderableType:
    word = "expected" if change.expected else change.severity.value
    table = Table.grid(padding=(0, 1))
    table.add_column(width=8, no_wrap=True)
    table.add_column(overflow="fold")
    style = "green" if change.expected and change.severity.rank > 1 else _STYLE_OF_SEVERITY[change.severity]
    table.add_row(Text(word, style=style), Text(printable(change.sentence)))
    if change.sides and not change.expected:
        table.add_row("", Text(printable("  ->  ".join(change.sides)), style="dim"))
    return table


def diff_text(diff: FileDiff) -> RenderableType:
    """A file's unified diff in colour."""
    if not diff.unified:
        return Text(diff.note, style="dim")
    text = Text()
    for line in diff.unified:
        style = (
            "green"
            if line.startswith("+")
            else "red"
            if line.startswith("-")
            else "cyan"
            if line.startswith("@@")
            else ""
        )
        text.append(printable(line) + "\n", style=style)
    return text


def _view(view: SideBySide) -> list[RenderableType]:
    rule = Rule(Text(f"{view.title}: {view.differing} of {len(view.rows)} lines differ", style="bold"), align="left")
    if view.note:
        return [rule, Text(printable(f"not shown: {view.note}"), style="yellow")]
    if not view.differing:
        return [rule]
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(ratio=1, overflow="fold")
    table.add_column(width=1)
    table.add_column(ratio=1, overflow="fold")
    for row in view.rows:
        if row.left != row.right:
            table.add_row(
                Text(printable(row.left), style="red"), row.mark.value, Text(printable(row.right), style="green")
            )
    return [rule, table]
