"""``bootkeep watch``: follow the transactions of this host live."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from bootkeep.cli.common import JsonOption, console, errors_become_exits
from bootkeep.cli.transactions import OUTCOME_STYLES, told
from bootkeep.facts.codec import to_json
from bootkeep.flows.listing import Line, Watcher, local_time
from bootkeep.flows.report import policy_for, store_at

IntervalOption = Annotated[
    float, typer.Option("--interval", min=0.1, max=3600.0, metavar="SECONDS", help="Look this often.")
]
CountOption = Annotated[int, typer.Option("--count", min=0, metavar="N", help="End after N lines; 0 for never.")]
StoreOption = Annotated[Path | None, typer.Option("--store", metavar="DIR", help="Follow another store.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="watch")(watch)


@errors_become_exits
def watch(
    interval: IntervalOption = 1.0, count: CountOption = 0, store: StoreOption = None, json: JsonOption = False
) -> None:
    """Print a line for every transaction as it begins and ends, and when a later look adds to it, until Ctrl-C.

    With --json one JSON object a line, for a log collector. Looks at file times only while nothing happens.
    """
    watcher = Watcher(store_at(store), policy_for(store))
    told_lines = 0
    # Both ways of being asked to end. Explicitly: a shell's background job starts with SIGINT ignored, and would never end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    try:
        list(watcher.look())
        if not json:
            typer.echo("watching; Ctrl-C ends", err=True)
        while True:
            for line in watcher.look():
                _print(line, json=json)
                told_lines += 1
                if count and told_lines >= count:
                    return
            time.sleep(interval)
    except KeyboardInterrupt:
        return


def _end(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _print(line: Line, *, json: bool) -> None:
    if json:
        sys.stdout.write(to_json(line) + "\n")
        sys.stdout.flush()
        return
    text = Text(f"{local_time(line.started_at)} {line.short_id} ", style="dim")
    text.append(line.outcome, style=OUTCOME_STYLES.get(line.outcome, ""))
    later = next((phase for phase in ("boot", "settled") if phase in line.phases), "")
    text.append(f" ({later}) " if later else " ", style="dim")
    console().print(text.append(told(line)), soft_wrap=True)
    sys.stdout.flush()
