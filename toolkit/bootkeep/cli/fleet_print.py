"""``bootkeep fleet print``: the binder of runbooks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bootkeep.cli.common import ExitCode, JsonOption, console, errors_become_exits, print_json, shown
from bootkeep.cli.fleet_pages import StoreOption
from bootkeep.cli.runbook import Paper
from bootkeep.edges.clock import now_utc
from bootkeep.edges.files import replace_file

HostsOption = Annotated[
    list[str], typer.Option("--hosts", metavar="GLOB", help="Which minions, e.g. 'web*'; may be given several times.")
]
PdfOption = Annotated[Path, typer.Option("--pdf", metavar="FILE", help="Where the binder goes.")]


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command(name="print")(print_binder)


@errors_become_exits
def print_binder(
    pdf: PdfOption,
    hosts: HostsOption = ["*"],  # noqa: B006 - Typer copies it
    paper: Annotated[Paper, typer.Option(help="Paper size.")] = Paper.A4,
    store: StoreOption = "",
    json: JsonOption = False,
) -> None:
    """Make one PDF of many hosts' runbooks: what is stale or missing, contents, each host from a right-hand page on.

    Print it on both sides. Exit codes: 0 every runbook fits its host, 1 some are stale or missing; the binder is made all the same.
    """
    from bootkeep.fleet.binder import collect_binder, render_binder
    from bootkeep.fleet.store_pages import StorePages
    from bootkeep.fleet.verbs import opened

    now = now_utc()
    with opened(store) as there:
        binder = collect_binder(StorePages(there, now=now), hosts, now=now)
    if sys.stderr.isatty() and not json:
        typer.echo(f"typesetting {len(binder.entries)} runbooks ...", err=True)
    content = render_binder(binder, paper=paper.value)
    replace_file(pdf, content, mode=0o600)
    bad = [{"host": entry.host.id, "document": entry.host.runbook_id, "wrong": entry.wrong} for entry in binder.bad]
    if json:
        print_json({"schema": 1, "file": str(pdf), "hosts": len(binder.entries), "stale_or_missing": bad})
    else:
        console().print(f"{len(binder.entries)} hosts, {len(bad)} stale or missing: {pdf}", soft_wrap=True)
        for one in bad:
            console().print(f"  {shown(one['host'])}: {shown(one['wrong'])}", soft_wrap=True)
    raise typer.Exit(ExitCode.NO_GO if bad else ExitCode.OK)
