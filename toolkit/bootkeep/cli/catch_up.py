"""``bootkeep catch-up``: the safety net by hand."""

from __future__ import annotations

from typing import Annotated

import typer

from bootkeep.cli.common import ExitCode, JsonOption, errors_become_exits, print_json


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(name="catch-up")
    @errors_become_exits
    def catch_up(
        now: Annotated[
            bool, typer.Option("--now", help="Do not wait until the package database has been at rest for 90 seconds.")
        ] = False,
        json: JsonOption = False,
    ) -> None:
        """Find package transactions that no hook saw, put them on record, and put back what of a kept kernel vanished.

        A timer does this every five minutes. Exit code 0 when it was looked, 3 when that was put off (the line says why).
        """
        from bootkeep.edges.config import load_policy
        from bootkeep.edges.store import Store
        from bootkeep.facts.transaction import Outcome
        from bootkeep.flows.catch_up import QUIET_S, sentences
        from bootkeep.flows.catch_up import catch_up as look

        done = look(Store(), load_policy(), quiet_s=0.0 if now else QUIET_S, always=True)
        if json:
            print_json(
                {
                    "missed": [item.id for item in done.missed],
                    "interrupted": [item.id for item in done.closed if item.outcome is Outcome.INTERRUPTED],
                    "closed": [item.id for item in done.closed if item.outcome is not Outcome.INTERRUPTED],
                    "put_back": done.put_back,
                    "complaints": done.complaints,
                    "put_off": done.put_off,
                }
            )
        else:
            for line in sentences(done) or (
                () if done.put_off else ("Every change of the package database is on record.",)
            ):
                typer.echo(line)
            if done.put_off:
                typer.echo(f"bootkeep: put off: {done.put_off}", err=True)
        raise typer.Exit(ExitCode.UNKNOWN if done.put_off else ExitCode.OK)
