"""The main job, whole: what `make run` does, on a real host with real transactions and real boots."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bootkeep.edges.run import run
from bootkeep.lab.image import Image
from conftest import CACHE, CHECKOUT

COMMAND = [sys.executable, "-m", "bootkeep.lab.demonstration", "--cache", str(CACHE)]


def command(folder: Path) -> list[str]:
    """`make run`, with its results and its working files in a folder of the test."""
    return [*COMMAND, "--out", str(folder / "out"), "--work", str(folder / "work")]


def traces(folder: Path) -> dict[str, list[str]]:
    """What a disposable host could leave behind on this machine."""
    loops = run(["losetup", "-a"], timeout_s=10).stdout.splitlines()
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    work = folder / "work"
    left = [path.name for path in work.iterdir()] if work.exists() else []
    return {
        "loop devices": [line for line in loops if str(folder) in line],
        "mounts": [line for line in mounts if str(folder) in line],
        "work files": sorted(left),
        "packages": [str(Path("/var/lib/dpkg/status").stat().st_mtime_ns)],
    }


def settled(folder: Path, before: dict[str, list[str]], keys: list[str]) -> dict[str, list[str]]:
    """The traces once the kernel has taken down what nobody uses any more: some seconds at most."""
    until = time.monotonic() + 30
    while any(traces(folder)[key] != before[key] for key in keys) and time.monotonic() < until:
        time.sleep(0.5)
    return traces(folder)


@pytest.mark.lab
@pytest.mark.usefixtures("lab_wheels")
def test_every_claim_of_the_main_job_holds(tmp_path: Path, lab_image: Image) -> None:
    """Highstate, transactions (a) to (h), verdict, runbook, and two boots; exit code 0 only when all of it holds."""
    before = traces(tmp_path)
    done = run(command(tmp_path), timeout_s=900)
    assert done.exit_code == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert "Every claim above was checked on the host and holds" in done.stdout
    assert lab_image.third_kernel in done.stdout
    out = tmp_path / "out"
    for name in ("index.html", "runbook.pdf", "runbook.html", "runbook.txt", "check.txt", "check.json", "summary.txt"):
        assert (out / name).stat().st_size > 0
    runbook = (out / "runbook.txt").read_text(encoding="ascii")
    assert "Last package transaction" in runbook  # the host's own paper facts, as its 'bootkeep runbook' has them
    assert "could not be read" not in runbook.partition("Packages in hand")[2].partition("Partition tables")[0]
    letters = {path.name[0] for path in (out / "reports").glob("*.html")}
    assert letters == set("abcdefgh")
    links = re.findall(r'href="([^"#]+)"', (out / "index.html").read_text(encoding="utf-8"))
    assert links and all((out / link).exists() for link in links)
    assert settled(tmp_path, before, list(before)) == before


@pytest.mark.lab
@pytest.mark.usefixtures("lab_wheels")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill -9"])
def test_nothing_of_a_stopped_run_stays_on_this_machine(
    tmp_path: Path, lab_image: Image, number: signal.Signals
) -> None:
    """The host is sacred, however the run ends. (kill -9 leaves files below .cache, nothing else.)"""
    before = traces(tmp_path)
    with (tmp_path / "err").open("w") as err:
        process = subprocess.Popen(command(tmp_path), stdout=err, stderr=err)
        until = time.monotonic() + 120
        while "the work" not in (tmp_path / "err").read_text() and time.monotonic() < until:
            time.sleep(0.2)
        os.kill(process.pid, number)
        code = process.wait(60)
    assert code == (130 if number is signal.SIGINT else -signal.SIGKILL)
    keys = ["loop devices", "mounts", "packages"] if number is signal.SIGKILL else list(before)
    after = settled(tmp_path, before, keys)
    assert {key: after[key] for key in keys} == {key: before[key] for key in keys}
    assert not (tmp_path / "out").exists()
    assert Path(lab_image.path).exists() and CHECKOUT.exists()
