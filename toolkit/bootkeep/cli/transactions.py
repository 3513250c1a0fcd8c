"""``bootkeep transactions``: which package transactions were recorded on this host."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from bootkeep.cli.common import JsonOption, console, errors_become_exits, one_of, print_json
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.transaction import Outcome
from bootkeep.flows.listing import Line, Wanted, lines_of, local_time
from bootkeep.flows.report import policy_for, recorded, store_at

SinceOption = Annotated[
    str,
    typer.Option(
        "--since",
        metavar="WHEN",
        help="Only those that began then or later: 2026-11-23, 2026-11-23T17:00 (UTC), 2h, 3d.",
    ),
]
UntilOption = Annotated[str, typer.Option("--until", metavar="WHEN", help="Only those that began then or earlier.")]
PackageOption = Annotated[
    str, typer.Option("--package", "-p", metavar="NAME", help="Only those that touched this package.")
]
OutcomeOption = Annotated[
    Outcome | None,
    typer.Option("--outcome", metavar="OUTCOME", help=f"Only those that ended like this: {one_of(Outcome)}."),
]
ManagerOption = Annotated[
    str,
    typer.Option("--manager", metavar="NAME", help="Only those of this program: apt-get, dpkg, unattended-upgrade."),
]
WeakenedOption = Annotated[bool, typer.Option("--weakened", help="Only those that weakened the host's security.")]
LimitOption = Annotated[
    int, typer.Option("--limit", "-n", min=0, metavar="N", help="The newest N; 0 for all. 20 unless told.")
]
StoreOption = Annotated[Path | None, typer.Option("--store", metavar="DIR", help="Read another host's store.")]

OUTCOME_STYLES = {
    "done": "green",
    "failed": "bold red",
    "refused": "yellow",
    "interrupted": "red",
    "open": "cyan",
}
VERDICT_STYLES = {"GO": "green", "NO-GO": "bold red", "UNKNOWN": "yellow"}
_AGO = re.compile(r"(\d{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="transactions")(transactions)


@errors_become_exits
def transactions(
    since: SinceOption = "",
    until: UntilOption = "",
    package: PackageOption = "",
    outcome: OutcomeOption = None,
    manager: ManagerOption = "",
    weakened: WeakenedOption = False,
    limit: LimitOption = 20,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """List the recorded transactions, oldest first: when, how each ended, what it did, whether a reboot was safe then.

    The first column names a transaction wherever one is asked for: bootkeep report 66e23a03.
    """
    wanted = Wanted(moment(since, "--since"), moment(until, "--until"), package, outcome, manager, weakened)
    source = store_at(store)
    found, damaged = recorded(source)
    lines = lines_of(source, found, wanted, limit=limit, policy=policy_for(store))
    if json:
        print_json(lines)
    else:
        _print_table(lines)
        left_out = sum(1 for one in found if wanted.fits(one)) - len(lines)
        if limit and left_out > 0 and len(lines) == limit:
            typer.echo(f"bootkeep: {left_out} older ones are not shown: --limit 0 shows all", err=True)
    for id, why in damaged:
        typer.echo(f"bootkeep: the record of {id} cannot be read: {why}", err=True)


def moment(text: str, option: str, *, now: datetime | None = None) -> str:
    """A day, a time or an age as UTC text that sorts like the records' own. Raises BootkeepError on anything else."""
    if not text:
        return ""
    ago = _AGO.fullmatch(text)
    try:
        if ago:
            age = timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            return ((now or datetime.now(UTC)) - age).strftime("%Y-%m-%dT%H:%M:%SZ")
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?)?Z?", text, re.ASCII):
            datetime.fromisoformat(text.removesuffix("Z"))
            return text.removesuffix("Z")
    except (ValueError, OverflowError):
        pass
    raise BootkeepError(
        f"{text!r} is no day, time or age", where=option, next_step="Write 2026-11-23, 2026-11-23T17:00 or 3d."
    )


def _print_table(lines: tuple[Line, ...]) -> None:
    out = console()
    if not lines:
        out.print("No transaction is recorded that fits.")
        return
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True, width=8)
    table.add_column(no_wrap=True, width=12)
    table.add_column(no_wrap=True, width=max(5, *(len(line.outcome) for line in lines)))
    table.add_column(ratio=1, overflow="fold")
    table.add_row(*(Text(name, style="dim") for name in ("id", "when", "ended", "what, and reboot")))
    for line in lines:
        table.add_row(
            Text(line.short_id),
            Text(local_time(line.started_at), style="dim"),
            Text(line.outcome, style=OUTCOME_STYLES.get(line.outcome, "")),
            told(line),
        )
    out.print(table)


def told(line: Line) -> Text:
    """What a transaction did and whether a reboot was safe, in colour."""
    # The column beside it says how it ended already.
    said = line.summary.partition(": ")[2] if line.outcome in {"refused", "failed", "interrupted"} else ""
    text = Text(_short(said or line.summary))
    if line.weakened:
        text.stylize("bold")
    if line.outcome not in {"refused", "open"}:
        text.append(". ").append(line.verdict, style=VERDICT_STYLES.get(line.verdict, ""))
    return text


_LONGEST_SUMMARY = 160


def _short(summary: str) -> str:
    return summary if len(summary) <= _LONGEST_SUMMARY else summary[: _LONGEST_SUMMARY - 3].rstrip() + "..."
