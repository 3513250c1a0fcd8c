"""``bootkeep selftest``: would the next transaction be seen?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bootkeep.cli.common import ExitCode, JsonOption, errors_become_exits, print_json


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    @errors_become_exits
    def selftest(
        root: Annotated[Path, typer.Option(help="Look at a mounted root instead of this machine.")] = Path("/"),
        json: JsonOption = False,
    ) -> None:
        """Check that the hooks are in force, the store can be written, and preserved kernels are in the boot menu.

        Exit code 0 when all is well, 1 when something is not; each line says what to do about it.
        """
        from bootkeep.flows.selftest import selftest as run_selftest

        tests = run_selftest(root)
        if json:
            print_json({"passed": all(test.passed for test in tests), "tests": tests})
        else:
            for test in tests:
                typer.echo(f"{'ok  ' if test.passed else 'FAIL'}  {test.name}: {test.detail}")
                if not test.passed:
                    typer.echo(f"      do: {test.next_step}")
        raise typer.Exit(ExitCode.OK if all(test.passed for test in tests) else ExitCode.NO_GO)
