"""``bootkeep snapshot``: look at this host now."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from bootkeep.cli.common import JsonOption, console, errors_become_exits, print_json
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.reading import Status
from bootkeep.flows.snapshot import save_snapshot, take_snapshot, without_secrets

OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Write the snapshot there as JSON, readable by its owner only."
    ),
]
RootOption = Annotated[Path, typer.Option("--root", metavar="DIR", help="Look at the system mounted at DIR.")]
BootOption = Annotated[bool, typer.Option("--boot", help="Also take what 'bootkeep check' judges; some seconds more.")]
ForTestOption = Annotated[
    Path | None,
    typer.Option(
        "--for-test",
        metavar="DIR",
        help="Write a scrubbed machine for a test into this new folder: no names, serial numbers, UUIDs, addresses.",
    ),
]
OfOption = Annotated[
    str, typer.Option("--of", metavar="TXN", help="With --for-test: both looks of this transaction instead of now.")
]
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
    for_test: ForTestOption = None,
    of: OfOption = "",
    json: JsonOption = False,
) -> None:
    """Take a snapshot of what runs on this host and how it is configured, and say what could not be read.

    Changes nothing. Secrets in command lines are redacted; environments and password hashes are never read. The file can be
    judged again later, on another machine, and compared with another one ('bootkeep diff').
    """
    if for_test is not None:
        _write_for_test(for_test, of, root, deadline)
        return
    if of:
        raise BootkeepError(
            "--of needs --for-test", where="snapshot", next_step="'bootkeep diff TXN:pre TXN' compares."
        )
    taken = without_secrets(take_snapshot("manual", root=root, boot=boot, deadline_s=deadline), root)
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


def _write_for_test(folder: Path, of: str, root: Path, deadline: float) -> None:
    from bootkeep.flows.for_test import write_for_test, write_pair_for_test

    if of:
        from bootkeep.flows.report import resolve, store_at

        store = store_at(None if root == Path("/") else root / "var/lib/bootkeep")
        count = write_pair_for_test(store, resolve(store, of), folder)
        typer.echo(f"written to {folder}: two looks, {count} changes. Read it before you send it to anybody.")
        return
    verdict = write_for_test(take_snapshot("manual", root=root, boot=True, deadline_s=deadline), folder)
    typer.echo(f"written to {folder}: {verdict.judgement.value}. Read it before you send it to anybody.")
