"""``bootkeep runbook`` against a root that is mounted somewhere: real files, no machine of ours is read or changed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bootkeep.cli import runbook as command


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """As much of a Debian root as the probes of a mounted root look at."""
    made = tmp_path / "root"
    for folder in ("etc/default", "boot/grub", "usr/lib/modules", "var/lib/dpkg"):
        (made / folder).mkdir(parents=True)
    (made / "etc/os-release").write_text('ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
    (made / "etc/hostname").write_text("rooted\n")
    (made / "etc/fstab").write_text("UUID=5b1c7a52-0f0c-4c52-9b0a-3f8d1e2a4c66 / ext4 defaults 0 1\n")
    (made / "var/lib/dpkg/status").write_text("")
    return made


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    command.register(made)
    made.command("other")(lambda: None)
    return made


def test_text_goes_to_standard_output(app: typer.Typer, root: Path) -> None:
    done = CliRunner().invoke(app, ["runbook", "--root", str(root)])
    assert done.exit_code == 0, done.output
    assert "RESCUE RUNBOOK" in done.output
    assert "5b1c7a52-0f0c-4c52-9b0a-3f8d1e2a4c66" in done.output
    assert not list((root / "var/lib").glob("bootkeep"))  # looking writes nothing


def test_check_without_a_runbook_is_unknown(app: typer.Typer, root: Path) -> None:
    done = CliRunner().invoke(app, ["runbook", "--root", str(root), "--check"])
    assert done.exit_code == 3
    assert "UNKNOWN" in done.output


def test_write_then_check(app: typer.Typer, root: Path) -> None:
    done = CliRunner().invoke(app, ["runbook", "--root", str(root), "--write"])
    assert done.exit_code == 0, done.output
    assert (root / "boot/RUNBOOK.TXT").exists()
    again = CliRunner().invoke(app, ["runbook", "--root", str(root), "--check", "--json"])
    answer = json.loads(again.stdout)
    assert answer["moved"] == []
    # A mounted root cannot tell everything (no /proc of its own): that is UNKNOWN, and never FRESH.
    assert (again.exit_code, answer["freshness"]) in {(3, "UNKNOWN"), (0, "FRESH")}
    (root / "etc/fstab").write_text("UUID=00000000-0f0c-4c52-9b0a-3f8d1e2a4c66 / ext4 defaults 0 1\n")
    moved = CliRunner().invoke(app, ["runbook", "--root", str(root), "--check"])
    assert "mounts" in moved.output


def test_output_to_a_file_and_json(app: typer.Typer, root: Path, tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    done = CliRunner().invoke(app, ["runbook", "--root", str(root), "--format", "html", "--output", str(target)])
    assert done.exit_code == 0, done.output
    assert target.read_text().startswith("<!DOCTYPE html>")
    data = json.loads(CliRunner().invoke(app, ["runbook", "--root", str(root), "--json"]).stdout)
    assert re.fullmatch(r"RB-[0-9A-F]{8}", data["document_id"])


@pytest.mark.parametrize("wrong", [["--format", "docx"], ["--paper", "a5"], ["--check", "--write"]])
def test_wrong_arguments(app: typer.Typer, root: Path, wrong: list[str]) -> None:
    assert CliRunner().invoke(app, ["runbook", "--root", str(root), *wrong]).exit_code == 2


def test_a_folder_that_is_not_there_is_an_error_to_act_on(app: typer.Typer, root: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["runbook", "--root", str(root), "--output", str(tmp_path / "no" / "x.txt")])
    assert done.exit_code == 5
    assert "No such file" in done.output
