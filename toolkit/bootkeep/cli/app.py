"""The ``bootkeep`` command."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Sequence

import typer

from bootkeep import __version__
from bootkeep.cli.common import ExitCode, JsonOption, print_json

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


def make_app(commands: Sequence[str] = COMMANDS) -> typer.Typer:
    """The application with these commands. Importing a command's module costs more than many a command does."""
    made = typer.Typer(
        name="bootkeep",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        help="Boot-safe patching: is it safe to reboot, what did a patch do, and what to type when it does not come up.",
        epilog="Exit codes: 0 done or GO, 1 NO-GO, 2 wrong arguments, 3 UNKNOWN, 4 refused, 5 an error you can act on, 70 our bug.",
    )
    made.command()(version)
    made.callback()(_main)
    for name in commands:
        importlib.import_module(f"bootkeep.cli.{name.replace('-', '_')}").register(made)
    return made


def _main() -> None:  # its presence keeps a single command a subcommand
    pass


def version(json: JsonOption = False) -> None:
    """Print the version."""
    if json:
        print_json({"bootkeep": __version__, "python": sys.version.split()[0]})
    else:
        typer.echo(f"bootkeep {__version__} (Python {sys.version.split()[0]})")


def wanted(arguments: Sequence[str]) -> tuple[str, ...]:
    """The command that a command line names; all of them where it names none, for the help and the suggestions."""
    first = next((each for each in arguments if not each.startswith("-")), "")
    return () if first == "version" else (first,) if first in COMMANDS else COMMANDS


def __getattr__(name: str) -> typer.Typer:
    """``app`` with every command, made when somebody asks for it."""
    if name != "app":
        raise AttributeError(name)
    return make_app()


def main() -> None:
    """Entry point of the console script; an unexpected exception is our bug and says so."""
    try:
        # Its name also when it is run as python -m bootkeep, as the launcher does.
        make_app(wanted(sys.argv[1:]))(prog_name="bootkeep")
    except Exception:  # noqa: BLE001 - the last line before the user
        traceback.print_exc()
        typer.echo(
            "bootkeep: this is a bug in bootkeep; nothing was half-written. Please report the lines above.", err=True
        )
        sys.exit(ExitCode.BUG)
