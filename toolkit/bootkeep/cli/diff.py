"""``bootkeep diff``: what changed between any two looks at this host."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bootkeep.cli.common import JsonOption, errors_become_exits
from bootkeep.cli.report import Form, FormatOption, OutputOption, show
from bootkeep.flows.diff import backwards, build_diff, look_at
from bootkeep.flows.report import policy_for, store_at

_WHICH = "TXN, TXN:phase (pre, post, settled, boot), a snapshot's file, or 'now'"
FromArgument = Annotated[str, typer.Argument(metavar="A", help=f"The earlier look: {_WHICH}.")]
ToArgument = Annotated[str, typer.Argument(metavar="B", help=f"The later look: {_WHICH}.")]
StoreOption = Annotated[
    Path | None, typer.Option("--store", metavar="DIR", help="Read the transactions of this store.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="diff")(diff)


@errors_become_exits
def diff(
    a: FromArgument,
    b: ToArgument = "now",
    form: FormatOption = Form.TERMINAL,
    output: OutputOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Show what changed between two looks, as a report: across several transactions, since one of them, or two files.

    What transactions in between changed is explained by them. 'bootkeep diff last now' shows what happened since the last one.
    """
    source = store_at(store)
    one, other = look_at(source, a), look_at(source, b)
    if note := backwards(one, other):
        typer.echo(f"bootkeep: {note}", err=True)
    built = build_diff(source, one, other, policy=policy_for(store))
    show(built, Form.JSON if json else form, output)
