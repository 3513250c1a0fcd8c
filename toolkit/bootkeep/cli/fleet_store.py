"""``bootkeep fleet init|status|export|gc|verify``: the fleet's store itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from bootkeep.cli.common import ExitCode, JsonOption, console, errors_become_exits, print_json, shown
from bootkeep.cli.fleet_pages import StoreOption
from bootkeep.edges.clock import now_utc
from bootkeep.reports.printable import printable

if TYPE_CHECKING:
    from bootkeep.fleet.store import FleetStore

HostsOption = Annotated[list[str] | None, typer.Option("--host", metavar="ID", help="Only this host; may be repeated.")]
FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")]
DaysOption = Annotated[float, typer.Option("--days", metavar="N", min=0, help="Keep transactions of so many days.")]
CountOption = Annotated[int, typer.Option("--count", metavar="N", min=1, help="Keep at most so many a host.")]
BytesOption = Annotated[
    int, typer.Option("--mib", metavar="N", min=0, help="Keep at most so many MiB a host; 0: no such limit.")
]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")]
#: Characters of a line where no terminal ends it.
_WIDE = 4000
_COLOUR = {"GO": "green", "NO-GO": "red", "UNKNOWN": "yellow"}


def register(group: typer.Typer) -> None:
    """Add the commands."""
    for name, command in (("init", init), ("status", status), ("export", export), ("gc", gc), ("verify", verify)):
        group.command(name=name)(command)


def _open(dsn: str, *, upgrade: bool = False) -> FleetStore:
    from bootkeep.fleet.configuration import command_line_settings, dsn_of
    from bootkeep.fleet.store import FleetStore

    return FleetStore.open(dsn or dsn_of(command_line_settings()), upgrade=upgrade)


def _progress(line: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{printable(line)[:70]}")
        sys.stderr.flush()


def _progress_ends() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")


@errors_become_exits
def init(store: StoreOption = "", json: JsonOption = False) -> None:
    """Make the store, or bring its schema up to date; does nothing when it is."""
    from bootkeep.fleet.database import schema_version

    opened = _open(store, upgrade=True)
    version, _wanted = schema_version(opened.engine)
    shown = opened.engine.url.render_as_string(hide_password=True)
    opened.close()
    if json:
        print_json({"store": shown, "schema": version})
    else:
        typer.echo(f"{shown}: ready, schema {version}")


@errors_become_exits
def status(store: StoreOption = "", json: JsonOption = False) -> None:
    """Which hosts may be rebooted, and what the store holds. Exit code 1 when a host says NO-GO, 3 when one is UNKNOWN."""
    opened = _open(store)
    hosts, counts, refusals = opened.hosts(), opened.counts(), opened.refusals()
    opened.close()
    if json:
        print_json({"schema": 1, "hosts": hosts, "rows": counts, "refusals": refusals})
    else:
        names = ("host", "verdict", "running", "last transaction", "runbook", "last seen")
        # A name that is cut is no name: on a terminal it goes on in the next line, in a file the lines are as long as they are.
        table = Table(*(Column(name, overflow="fold") for name in names), box=None, pad_edge=False)
        for row in hosts:
            word = f"[{_COLOUR.get(row.verdict, 'yellow')}]{shown(row.verdict)}[/]"
            late = f" ({row.waiting} wait)" if row.waiting else ""
            paper = f"{row.runbook} {row.runbook_state}" if row.runbook else "none"
            cells = (row.running_kernel, row.last_transaction, paper, row.last_seen)
            table.add_row(shown(row.host), word, *(shown(cell) for cell in cells[:-1]), shown(cells[-1]) + late)
        to = console()
        if not to.is_terminal:
            to.width = _WIDE
        to.print(table)
        for row in (row for row in hosts if row.problem):
            console().print(f"{shown(row.host)}: {shown(row.problem)}", soft_wrap=True)
        told = ", ".join(f"{count} {name}" for name, count in counts.items())
        console().print(f"{told}; {sum(row.times for row in refusals)} messages refused", soft_wrap=True)
    words = {row.verdict for row in hosts}
    raise typer.Exit(ExitCode.NO_GO if "NO-GO" in words else ExitCode.UNKNOWN if words - {"GO"} else ExitCode.OK)


@errors_become_exits
def export(folder: FolderArgument, host: HostsOption = None, store: StoreOption = "", json: JsonOption = False) -> None:
    """Write the records as plain files, a folder a host; 'bootkeep report --store DIR/HOST' reads them."""
    from bootkeep.fleet.upkeep import export as write

    opened = _open(store)
    try:
        count = write(opened, folder, hosts=tuple(host or ()), say=_progress)
    finally:
        _progress_ends()
        opened.close()
    if json:
        print_json({"folder": str(folder), "transactions": count})
    else:
        typer.echo(f"{count} transactions written below {folder}")


@errors_become_exits
def gc(
    days: DaysOption = 800.0,
    count: CountOption = 5000,
    mib: BytesOption = 0,
    dry_run: DryOption = False,
    store: StoreOption = "",
    json: JsonOption = False,
) -> None:
    """Remove the oldest transactions beyond what is kept. Each host's newest one stays, and so do runbooks."""
    from bootkeep.fleet.upkeep import Kept, collect_garbage

    opened = _open(store)
    try:
        done = collect_garbage(opened, Kept(days, count, mib * 1024 * 1024), now=now_utc(), dry_run=dry_run)
    finally:
        opened.close()
    if json:
        print_json({"transactions": done.transactions, "bytes": done.bytes, "hosts": done.hosts, "dry_run": dry_run})
    else:
        would = "would go" if dry_run else f"went, {done.bytes // 1024} KiB freed"
        typer.echo(f"{done.transactions} transactions of {len(done.hosts)} hosts {would}")


@errors_become_exits
def verify(store: StoreOption = "", json: JsonOption = False) -> None:
    """Read everything in the store again, and say what is damaged. Exit code 1 when something is."""
    from bootkeep.fleet.upkeep import verify_store

    opened = _open(store)
    try:
        found = verify_store(opened, _progress)
    finally:
        _progress_ends()
        opened.close()
    if json:
        print_json({"hosts": found.hosts, "records": found.records, "bodies": found.bodies, "problems": found.problems})
    else:
        for line in found.problems:
            typer.echo(printable(line))
        end = "all whole" if not found.problems else f"{len(found.problems)} problems"
        typer.echo(f"{found.hosts} hosts, {found.records} records, {found.bodies} bodies: {end}")
    raise typer.Exit(ExitCode.NO_GO if found.problems else ExitCode.OK)
