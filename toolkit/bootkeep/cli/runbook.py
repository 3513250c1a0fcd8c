"""``bootkeep runbook``: this host's rescue runbook, to print before it is needed."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bootkeep.cli.common import ExitCode, JsonOption, errors_become_exits, one_of, print_json
from bootkeep.edges.config import load_policy
from bootkeep.edges.files import replace_file
from bootkeep.edges.host import LiveHost
from bootkeep.facts.runbook import Freshness
from bootkeep.flows.check import check as look
from bootkeep.flows.runbook import (
    BOOT_COPY,
    FORMATS,
    RUNBOOK_FOLDER,
    STORE_FOLDER,
    esp_copies_of,
    make_runbook,
    paper_facts,
    printed_freshness,
    render_runbook,
    runbook_freshness,
    write_runbook,
)


class Form(StrEnum):
    """Forms of the document."""

    TEXT = "text"
    HTML = "html"
    PDF = "pdf"


class Paper(StrEnum):
    """Paper sizes of the PDF."""

    A4 = "a4"
    LETTER = "letter"


#: So many facts that moved are told to a person; --json has them all.
_DETAILS = 20

EXIT_OF_FRESHNESS = {
    Freshness.FRESH: ExitCode.OK,
    Freshness.STALE_MINOR: ExitCode.NO_GO,
    Freshness.STALE: ExitCode.NO_GO,
    Freshness.INVALID: ExitCode.NO_GO,
    Freshness.UNKNOWN: ExitCode.UNKNOWN,
}


@errors_become_exits
def runbook(
    root: Annotated[
        Path, typer.Option(help="Look at a system that is mounted here instead of the running one.")
    ] = Path("/"),
    form: Annotated[
        Form, typer.Option("--format", metavar="FORM", help=f"Which form to print: {one_of(Form)}.")
    ] = Form.TEXT,
    output: Annotated[Path | None, typer.Option(help="Write the form to this file instead of standard output.")] = None,
    paper: Annotated[Paper, typer.Option(help="Paper size of the PDF.")] = Paper.A4,
    check: Annotated[
        bool, typer.Option("--check", help="Say whether the last written runbook still fits this host.")
    ] = False,
    write: Annotated[
        bool,
        typer.Option(
            "--write",
            help="Write all forms to /var/lib/bootkeep/runbook, and the text to RUNBOOK.TXT on /boot and on the ESPs.",
        ),
    ] = False,
    printed: Annotated[
        str,
        typer.Option(
            "--printed", metavar="ID", help="With --check: ask about the copy on paper with this id (RB-1A2B3C4D)."
        ),
    ] = "",
    json: JsonOption = False,
) -> None:
    """Print this host's rescue runbook: exact commands for the day it does not boot.

    --check: exit code 0 FRESH, 1 stale (prints which facts changed), 3 UNKNOWN (no runbook yet, or facts that cannot be read).
    """
    if printed and not check:
        raise typer.BadParameter("--printed belongs to --check")
    host, policy, folder = LiveHost(root), load_policy(root), root / RUNBOOK_FOLDER
    if check and (write or output):
        raise typer.BadParameter("--check only looks: leave --write and --output away")
    if check:
        answer = (
            printed_freshness(host, policy, folder, printed) if printed else runbook_freshness(host, policy, folder)
        )
        if json:
            print_json(answer)
        else:
            typer.echo(answer.sentence)
            for line in answer.details[:_DETAILS]:
                typer.echo(f"  {line}")
            if len(answer.details) > _DETAILS:
                typer.echo(f"  and {len(answer.details) - _DETAILS} more: --json")
        raise typer.Exit(EXIT_OF_FRESHNESS[answer.freshness])
    seen = look(host, policy)
    made = make_runbook(seen, policy, paper=paper_facts(host, root / STORE_FOLDER))
    if write:
        copies = esp_copies_of(seen, root)
        done = write_runbook(made, folder, FORMATS, paper=paper.value, boot_copy=root / BOOT_COPY, esp_copies=copies)
        if json:
            print_json({"document_id": made.document_id, "paths": [str(p) for p in done.paths], "notes": done.notes})
            return
        for path in done.paths:
            typer.echo(str(path))
        for note in done.notes:
            typer.echo(f"bootkeep: {note}", err=True)
        return
    if json:
        print_json(made)
        return
    content = render_runbook(made, form.value, paper=paper.value)
    if output is not None:
        replace_file(output, content, mode=0o600)
        typer.echo(str(output), err=True)
    elif form is Form.PDF and sys.stdout.isatty():
        raise typer.BadParameter("a PDF does not go to a terminal: give --output FILE or redirect")
    else:
        sys.stdout.buffer.write(content)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("runbook")(runbook)
