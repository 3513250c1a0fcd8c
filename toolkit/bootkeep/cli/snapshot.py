"""``bootkeep snapshot``: look at this host now."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from bootkeep.cli.common import JsonOption, console, errors_become_exits, print_json
from bootkeep.facts.reading import Status
from bootkeep.flows.snapshot import save_snapshot, take_snapshot

OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Write the snapshot there as JSON, readable by its owner only."
    ),
]
RootOption = Annotated[Path, typer.Option("--root", metavar="DIR", help="Look at the system mounted at DIR.")]
BootOption = Annotated[bool, typer.Option("--boot", help="Also take what 'bootkeep check' judges; some seconds more.")]
DeadlineOption = Annotated[
    float, typer.Option("--deadline", min=0.1, metavar="SECONDS", help="Stop looking after this long.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="snapshot")(snapshot)


@errors_become_exits
def snapshot(
    output: OutputOption = None,
    root: RootOption = Path("/"),
    boot: BootOption = False,
    deadline: DeadlineOption = 60.0,
    json: JsonOption = False,
) -> None:
    """Take a snapshot of what runs on this host and how it is configured, and say what could not be read.

    Changes nothing. Secrets in command lines are redacted; environments and password hashes are never read. The file can be
    judged again later, on another machine, and compared with another one.
    """
    taken = take_snapshot("manual", root=root, boot=boot, deadline_s=deadline)
    if output is not None:
        save_snapshot(taken, output)
    if json:
        print_json(taken)
        return
    readings = taken.readings
    counts = {status: sum(1 for reading in readings.values() if reading.status is status) for status in Status}
    spent = sum(reading.seconds for reading in readings.values())
    out = console()
    out.print(f"{taken.host}, {taken.taken_at}: {len(readings)} readings in {spent:.2f} s", markup=False)
    out.print("  " + ", ".join(f"{count} {status.value}" for status, count in counts.items() if count), markup=False)
    problems = [(key, r) for key, r in readings.items() if r.status not in {Status.OK, Status.ABSENT}]
    if problems:
        table = Table("not read", "why")
        for key, reading in problems:
            table.add_row(Text(key), Text(reading.detail or reading.status.value))
        out.print(table)
    if output is not None:
        out.print(f"written to {output}", markup=False)
