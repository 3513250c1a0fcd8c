"""bootkeep preserve and selftest as a person calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bootkeep.cli import preserve, selftest
from bootkeep.cli.common import ExitCode


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    preserve.register(made)
    selftest.register(made)
    return made


@pytest.mark.parametrize(
    "arguments", [["--list", "--booted"], ["6.1", "--list"], ["--override", "because", "--remove", "x"]]
)
def test_preserve_takes_one_task_at_a_time(app: typer.Typer, arguments: list[str]) -> None:
    done = CliRunner().invoke(app, ["preserve", *arguments])
    assert done.exit_code == ExitCode.USAGE


def test_a_key_that_is_none_is_an_error_to_act_on(app: typer.Typer) -> None:
    done = CliRunner().invoke(app, ["preserve", "--remove", "../../etc"])
    assert done.exit_code == ExitCode.ERROR
    assert "no key of a preserved kernel" in done.output


def test_a_release_that_is_not_there(app: typer.Typer) -> None:
    done = CliRunner().invoke(app, ["preserve", "0.0.0-nowhere"])
    assert done.exit_code == ExitCode.ERROR
    assert "0.0.0-nowhere" in done.output


def test_selftest_of_an_empty_root_says_what_to_do(app: typer.Typer, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["selftest", "--root", str(tmp_path)])
    assert done.exit_code == ExitCode.NO_GO
    assert "FAIL  apt-hook: /usr/lib/bootkeep/apt-hook is missing\n      do: Apply the Salt state" in done.output
    done = CliRunner().invoke(app, ["selftest", "--root", str(tmp_path), "--json"])
    answer = json.loads(done.output)
    assert answer["passed"] is False
    assert {test["name"] for test in answer["tests"] if test["passed"]} == {"store", "records", "preserved kernels"}
