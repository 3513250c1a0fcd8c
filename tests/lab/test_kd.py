"""K.D.'s story on a disk whose package manager is rpm, as `make kd` plays it. The Debian chapter is left to `make kd` itself."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bootkeep.edges.run import run
from conftest import CACHE, CHECKOUT


@pytest.fixture
def lab_rpms() -> None:
    """The hooks' package on the file server, as `make rpms` puts it there."""
    done = run([sys.executable, str(CHECKOUT / "tools" / "build_rpms.py")], timeout_s=300, directory=str(CHECKOUT))
    assert done.exit_code == 0, done.stdout + done.stderr


@pytest.mark.lab
@pytest.mark.usefixtures("lab_wheels", "lab_rpms")
def test_the_story_on_an_rpm_host(tmp_path: Path) -> None:
    """Unprotected it does not come up, and does by the paper; protected it comes up. Exit code 0 only when all of it holds."""
    out = tmp_path / "out"
    chapters = ["--only", "unprotected", "--only", "protected"]
    argv = [sys.executable, "-m", "bootkeep.lab.kd", "--cache", str(CACHE), "--out", str(out), *chapters]
    done = run([*argv, "--work", str(tmp_path / "work")], timeout_s=1500)
    assert done.exit_code == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert "claims were checked and hold" in done.stdout
    for name in ("1-unprotected.console.txt", "2-protected.console.txt", "3-runbook.txt", "3-typed.txt", "summary.txt"):
        assert (out / name).stat().st_size > 0
    typed = (out / "3-typed.txt").read_text(encoding="utf-8").split("\n")
    paper = (out / "3-runbook.txt").read_text(encoding="utf-8")
    assert all(line in paper for line in typed)  # nothing was typed that the paper does not say
    assert not list((tmp_path / "work").iterdir())
