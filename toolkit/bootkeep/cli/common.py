"""What every command shares: exit codes, output, and how an error becomes an exit."""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import Enum, IntEnum
from functools import wraps
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from bootkeep.facts.codec import to_json
from bootkeep.facts.errors import BootkeepError, Refused
from bootkeep.facts.finding import Judgement
from bootkeep.reports.printable import printable


def one_of(words: type[Enum]) -> str:
    """``a, b or c``: the values of an option, for its help text; in its metavar a narrow terminal would break them."""
    *first, last = (str(word.value) for word in words)
    return f"{', '.join(first)} or {last}" if first else last


class ExitCode(IntEnum):
    """Stable and documented: scripts depend on them (docs/reference/command-line.md)."""

    OK = 0  # done; a check said GO
    NO_GO = 1  # a check said NO-GO; a runbook is not fresh; a self-test failed
    USAGE = 2  # wrong arguments (click's own)
    UNKNOWN = 3  # a check could not judge everything: never taken for GO
    REFUSED = 4  # the guard refused
    ERROR = 5  # something the operator can act on; the message says what, where and what next
    BUG = 70  # our own bug (EX_SOFTWARE of sysexits.h); please report it


EXIT_OF_JUDGEMENT = {
    Judgement.GO: ExitCode.OK,
    Judgement.NO_GO: ExitCode.NO_GO,
    Judgement.UNKNOWN: ExitCode.UNKNOWN,
}

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

P = ParamSpec("P")
R = TypeVar("R")


def console() -> Console:
    """Standard output for people: colour only on a terminal (rich also honours NO_COLOR)."""
    return Console(highlight=False)


def shown(text: str) -> str:
    """What a machine said, for the console: no mark-up of rich's, no escape sequence, no letter that turns a line around."""
    return escape(printable(text))


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(to_json(value, indent=2) + "\n")


def _lines(error: Exception) -> str:
    """An error's own lines; what it quotes of a file or a host is shown as it is."""
    return "\n".join(map(printable, str(error).split("\n")))


def errors_become_exits(command: Callable[P, R]) -> Callable[P, R]:
    """Wrap a command: an operator's error is one clear message on standard error and exit code 5 (4 when refused)."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except Refused as error:
            typer.echo(f"bootkeep: refused: {_lines(error)}", err=True)
            raise typer.Exit(ExitCode.REFUSED) from error
        except BootkeepError as error:
            typer.echo(f"bootkeep: {_lines(error)}", err=True)
            raise typer.Exit(ExitCode.ERROR) from error
        except BrokenPipeError:
            raise typer.Exit(ExitCode.OK) from None
        except OSError as error:
            typer.echo(f"bootkeep: {error}. Check permissions and free space, then run it again.", err=True)
            raise typer.Exit(ExitCode.ERROR) from error

    return wrapped
