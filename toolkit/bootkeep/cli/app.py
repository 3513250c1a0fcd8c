"""The ``bootkeep`` command."""

from __future__ import annotations

import importlib
import sys
import traceback

import typer

from bootkeep import __version__
from bootkeep.cli.common import ExitCode, JsonOption, print_json

app = typer.Typer(
    name="bootkeep",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Boot-safe patching: is it safe to reboot, what did a patch do, and what to type when it does not come up.",
    epilog="Exit codes: 0 done or GO, 1 NO-GO, 2 wrong arguments, 3 UNKNOWN, 4 refused, 5 an error you can act on, 70 our bug.",
)

#: One module a command (bootkeep.cli.<name>), each with a ``register(app)``.
COMMANDS = (
    "check",
    "fix",
    "snapshot",
    "transactions",
    "report",
    "diff",
    "watch",
    "catch-up",
    "restore-config",
    "runbook",
    "preserve",
    "selftest",
    "fleet",
)


@app.command()
def version(json: JsonOption = False) -> None:
    """Print the version."""
    if json:
        print_json({"bootkeep": __version__, "python": sys.version.split()[0]})
    else:
        typer.echo(f"bootkeep {__version__} (Python {sys.version.split()[0]})")


for _name in COMMANDS:
    importlib.import_module(f"bootkeep.cli.{_name.replace('-', '_')}").register(app)


def main() -> None:
    """Entry point of the console script; an unexpected exception is our bug and says so."""
    try:
        app(prog_name="bootkeep")  # also when it is run as python -m bootkeep, as the launcher does
    except Exception:  # noqa: BLE001 - the last line before the user
        traceback.print_exc()
        typer.echo(
            "bootkeep: this is a bug in bootkeep; nothing was half-written. Please report the lines above.", err=True
        )
        sys.exit(ExitCode.BUG)
