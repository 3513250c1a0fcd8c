"""``bootkeep fleet``: the master's side. Each command imports the fleet's room when it is called: a host has no database."""

from __future__ import annotations

import typer

from bootkeep.cli import fleet_pages, fleet_print, fleet_store, fleet_tell

group = typer.Typer(
    name="fleet",
    no_args_is_help=True,
    help="On a Salt master: what all hosts sent, as pages, messages and a binder of runbooks.",
)


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(group, name="fleet")


fleet_store.register(group)
fleet_pages.register(group)
fleet_print.register(group)
fleet_tell.register(group)
