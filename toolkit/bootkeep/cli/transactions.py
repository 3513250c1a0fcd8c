"""``bootkeep transactions``: which package transactions were recorded on this host."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from bootkeep.cli.common import JsonOption, console, errors_become_exits, print_json
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.transaction import Outcome, Transaction
from bootkeep.flows.report import recorded, store_at

SinceOption = Annotated[
    str, typer.Option("--since", metavar="DATE", help="Only those that began on this day or later: 2026-11-23.")
]
PackageOption = Annotated[
    str, typer.Option("--package", "-p", metavar="NAME", help="Only those that touched this package.")
]
OutcomeOption = Annotated[Outcome | None, typer.Option("--outcome", help="Only those that ended like this.")]
StoreOption = Annotated[Path | None, typer.Option("--store", metavar="DIR", help="Read another host's store.")]

_STYLES = {
    Outcome.DONE: "green",
    Outcome.FAILED: "bold red",
    Outcome.REFUSED: "yellow",
    Outcome.INTERRUPTED: "red",
    Outcome.OPEN: "cyan",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="transactions")(transactions)


@errors_become_exits
def transactions(
    since: SinceOption = "",
    package: PackageOption = "",
    outcome: OutcomeOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """List the recorded transactions, oldest first: when, who, what, and how each ended."""
    if since:
        _check_date(since)
    found, damaged = recorded(store_at(store))
    chosen = [
        one
        for one in found
        if one.started_at[:10] >= since
        and (outcome is None or one.outcome is outcome)
        and (not package or any(change.name == package for change in one.changes))
    ]
    if json:
        print_json(chosen)
    else:
        _print_table(chosen)
    for id, why in damaged:
        typer.echo(f"bootkeep: the record of {id} cannot be read: {why}", err=True)


def _check_date(text: str) -> None:
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a day like 2026-11-23", param_hint="--since") from error
    if len(text) != len("2026-11-23"):
        raise BootkeepError(f"{text!r} is not a day", where="--since", next_step="Write it like 2026-11-23.")


def _print_table(chosen: list[Transaction]) -> None:
    out = console()
    if not chosen:
        out.print("No transaction is recorded that fits.")
        return
    table = Table("transaction", "outcome", "command", "by", "packages")
    for one in chosen:
        names = [change.name for change in one.changes]
        more = f" +{len(names) - 3}" if len(names) > 3 else ""
        table.add_row(
            Text(one.id),
            Text(one.outcome.value, style=_STYLES[one.outcome]),
            Text(" ".join(one.caller.command)[:60] or one.caller.manager),
            Text(one.caller.user),
            Text(", ".join(names[:3]) + more),
        )
    out.print(table)
