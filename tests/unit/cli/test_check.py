"""``bootkeep check`` as a person and a script meet it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from bootkeep.cli.check import printable, register, show
from bootkeep.facts.codec import from_json
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Readings
from bootkeep.flows.check import check_readings
from bootkeep.flows.pages import page_ids
from bootkeep.rules.judge import ALL_RULES

MACHINES = Path(__file__).parents[2] / "machines"


def app() -> typer.Typer:
    made = typer.Typer()
    register(made)
    made.command(name="other")(lambda: None)  # with one command Typer would drop its name
    return made


def test_an_empty_root_is_unknown_and_exits_3(tmp_path: Path) -> None:
    (tmp_path / "boot").mkdir()
    done = CliRunner().invoke(app(), ["check", "--root", str(tmp_path), "--json"])
    plain = json.loads(done.stdout)
    assert (done.exit_code, plain["judgement"]) == (3, "UNKNOWN")
    assert "readings" not in plain and plain["state"]["kernels"] == []


def test_a_root_that_is_none_says_so(tmp_path: Path) -> None:
    done = CliRunner().invoke(app(), ["check", "--root", str(tmp_path / "no")])
    assert done.exit_code == 5 and "is not a directory" in done.stderr


def test_a_damaged_policy_is_an_error_not_a_default(tmp_path: Path) -> None:
    (tmp_path / "etc/bootkeep").mkdir(parents=True)
    (tmp_path / "etc/bootkeep/config.json").write_text("{")
    done = CliRunner().invoke(app(), ["check", "--root", str(tmp_path)])
    assert done.exit_code == 5 and "config.json" in done.stderr


@pytest.mark.parametrize("identity", [rule.id for rule in ALL_RULES])
def test_every_finding_can_be_explained(identity: str) -> None:
    assert identity in page_ids()
    done = CliRunner().invoke(app(), ["check", "--explain", identity])
    assert done.exit_code == 0 and "What it means" in done.stdout


def test_a_class_from_the_runbook_s_cover_can_be_explained() -> None:
    done = CliRunner().invoke(app(), ["check", "--explain", "B34"])
    assert done.exit_code == 0 and done.stdout.count("What it means") == 2
    none = CliRunner().invoke(app(), ["check", "--explain", "B99"])
    assert none.exit_code == 5 and "class B99" in none.stderr


def test_an_unknown_id_names_the_known_ones() -> None:
    done = CliRunner().invoke(app(), ["check", "--explain", "../../../etc/passwd"])
    assert done.exit_code == 5 and "boot-space-low" in done.stderr


@pytest.mark.parametrize(("machine", "word"), [("healthy-bios", "GO"), ("only-kernel", "NO-GO")])
def test_what_a_person_reads(machine: str, word: str) -> None:
    text = (MACHINES / machine / "readings.json").read_bytes()
    readings = from_json(Readings, text, where=machine)
    to = Console(record=True, width=100, file=None, quiet=False)
    with to.capture() as captured:
        show(check_readings(readings, Policy(), taken_at="2026-11-23T18:00:00Z"), to, rooted=False)
    lines = captured.get().splitlines()
    assert lines[0].startswith(f"{word}  ")
    assert (len(lines) == 1) == (word == "GO")
    if word == "NO-GO":
        assert any("LIVE" in line for line in lines) and any("seen in /boot" in line for line in lines)


def test_a_file_name_cannot_drive_the_terminal() -> None:
    assert printable("a\x1b[31mb\udcffc") == "a\\x1b[31mb\\udcffc"
