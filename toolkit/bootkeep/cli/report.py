"""``bootkeep report``: what a transaction did to this host."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bootkeep.cli.common import JsonOption, console, errors_become_exits, one_of
from bootkeep.facts.errors import BootkeepError
from bootkeep.flows.report import build_report, policy_for, render, render_pdf, store_at, verdict_now, write_report
from bootkeep.reports.document import Report


class Form(StrEnum):
    """How a report is printed."""

    TERMINAL = "terminal"
    HTML = "html"
    TEXT = "text"
    JSON = "json"
    PDF = "pdf"


TransactionArgument = Annotated[
    str, typer.Argument(metavar="[TXN|last]", help="A transaction's id, its beginning, or 'last'.")
]
FormatOption = Annotated[Form, typer.Option("--format", "-f", metavar="FORM", help=f"How to print it: {one_of(Form)}.")]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it there, readable by its owner only.")
]
DiffOption = Annotated[
    str, typer.Option("--diff", metavar="PATH", help="Print only what changed in this configuration file.")
]
PhaseOption = Annotated[
    str, typer.Option("--phase", metavar="PHASE", help="Compare pre with this snapshot: post, settled or boot.")
]
StoreOption = Annotated[
    Path | None, typer.Option("--store", metavar="DIR", help="Read another host's store; its boot is not judged.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="report")(report)


@errors_become_exits
def report(
    transaction: TransactionArgument = "last",
    form: FormatOption = Form.TERMINAL,
    output: OutputOption = None,
    diff: DiffOption = "",
    phase: PhaseOption = "",
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Show what a transaction started, stopped, opened, weakened and overwrote, and whether a reboot is safe.

    Reads the recorded snapshots. The verdict is the one that was reached then.
    """
    source = store_at(store)
    verdict = verdict_now(source, transaction) if store is None and not diff else None
    built = build_report(source, transaction, policy=policy_for(store), phase=phase, verdict=verdict)
    if diff:
        found = next((one for one in built.diffs if one.path == diff), None)
        if found is None:
            known = ", ".join(one.path for one in built.diffs) or "none"
            raise BootkeepError(
                f"the transaction did not change the content of {diff}",
                where=built.subject.id,
                next_step=f"Files that it changed: {known}.",
            )
        form_text = "\n".join(found.unified or (found.note,)) + "\n"
        _deliver(form_text, output)
        return
    show(built, Form.JSON if json else form, output)


def show(report: Report, form: Form, output: Path | None) -> None:
    """Print a report in a form, or write it into a file."""
    if form is Form.PDF:
        if output is None:
            raise BootkeepError("a PDF is not for the screen", where="report", next_step="Name a file with --output.")
        _deliver(render_pdf(report), output)
        return
    if form is Form.TERMINAL and output is None:
        from bootkeep.flows.report import terminal_page

        console().print(terminal_page(report))
        return
    # A file has no terminal: the same words without colours.
    _deliver(render(report, Form.TEXT.value if form is Form.TERMINAL else form.value), output)


def _deliver(text: str | bytes, output: Path | None) -> None:
    if output is None and isinstance(text, str):
        typer.echo(text.encode("utf-8", "backslashreplace"), nl=False)
    elif output is not None:
        write_report(text, output)
        typer.echo(f"written to {output}", err=True)
