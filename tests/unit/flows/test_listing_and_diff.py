"""Transactions in one line, followed live, and any two looks compared."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from pypdf import PdfReader
from typer.testing import CliRunner

from bootkeep.cli import diff as diff_command
from bootkeep.cli import report as report_command
from bootkeep.cli import transactions as transactions_command
from bootkeep.edges.store import Store
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Snapshot
from bootkeep.facts.transaction import Outcome
from bootkeep.flows.diff import backwards, build_diff, look_at
from bootkeep.flows.listing import Watcher, local_time, one_line
from bootkeep.flows.report import build_report, resolve
from bootkeep.flows.snapshot import save_snapshot
from unit.compare.example_host import TRANSACTION
from unit.flows.test_report import FIRST, SECOND, readings

THIRD = "20261125T080000Z-0badcafe"


def snapshot(phase: str, at: str, *, content: str, ports: tuple[int, ...]) -> Snapshot:
    return Snapshot(phase, at, "web-07", "x", readings(content=content, ports=ports), "0.1.0")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three transactions: one that opens a port, one refused, one after somebody opened another port by hand."""
    store = Store(tmp_path / "store")
    store.save_transaction(TRANSACTION)
    store.save_snapshot(FIRST, "pre", snapshot("pre", "2026-11-23T17:03:12Z", content="b", ports=(22,)))
    store.save_snapshot(FIRST, "post", snapshot("post", "2026-11-23T17:04:12Z", content="a", ports=(22, 2222)))
    refused = replace(TRANSACTION, id=SECOND, outcome=Outcome.REFUSED, started_at="2026-11-24T08:00:00Z", phases=())
    store.save_transaction(refused)
    third = replace(
        TRANSACTION,
        id=THIRD,
        started_at="2026-11-25T08:00:00Z",
        ended_at="2026-11-25T08:01:00Z",
        phases=("pre", "post"),
    )
    store.save_transaction(third)
    store.save_snapshot(THIRD, "pre", snapshot("pre", "2026-11-25T08:00:01Z", content="a", ports=(22, 2222, 9999)))
    store.save_snapshot(THIRD, "post", snapshot("post", "2026-11-25T08:01:00Z", content="a", ports=(22, 2222, 9999)))
    return store


def test_drift_is_what_changed_between_two_transactions(store: Store) -> None:
    since = build_report(store, THIRD).since_last
    assert since is not None and since.since == FIRST  # the refused one in between left nothing to compare with
    assert [change.key for change in since.changes] == ["tcp 0.0.0.0:9999"]
    first = build_report(store, FIRST).since_last
    assert first is not None and "first transaction" in first.note
    assert build_report(store, SECOND).since_last is None


def test_the_short_id_names_a_transaction(store: Store) -> None:
    assert resolve(store, "0badcafe") == THIRD
    assert resolve(store, "0bad") == THIRD


def test_a_line_is_made_once_and_again_when_something_moved(store: Store) -> None:
    transaction = store.load_transaction(FIRST)
    line = one_line(store, transaction)
    assert "port 2222 opened" in line.summary and line.weakened >= 1
    kept = store.root / "transactions" / FIRST / "line.json"
    stamp = kept.stat().st_mtime_ns
    assert one_line(store, transaction) == line and kept.stat().st_mtime_ns == stamp
    assert one_line(store, transaction, Policy(accepted={"boot-space-low": "known"})) == line
    assert kept.stat().st_mtime_ns != stamp
    kept.write_text("{")
    assert one_line(store, transaction) == line


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_table_fits_the_screen(store: Store, width: int) -> None:
    app = typer.Typer()
    transactions_command.register(app)
    result = CliRunner().invoke(app, ["--store", str(store.root)], env={"COLUMNS": str(width), "TZ": "UTC"})
    assert result.exit_code == 0
    assert max(len(line) for line in result.output.splitlines()) <= width
    assert "23 Nov 17:03" in result.output and "refused" in result.output


def test_watching_tells_what_is_new_and_nothing_twice(store: Store) -> None:
    watcher = Watcher(store)
    assert list(watcher.look()) == []
    assert list(watcher.look()) == []
    begun = replace(TRANSACTION, id="20261126T080000Z-0000000a", outcome=Outcome.OPEN, phases=(), ended_at="")
    store.save_transaction(begun)
    (line,) = watcher.look()
    assert (line.outcome, line.verdict) == ("open", "UNKNOWN") and line.summary.startswith("has begun: ")
    store.save_transaction(replace(begun, phases=("pre",)))
    assert list(watcher.look()) == []  # still the same transaction that runs
    done = replace(begun, outcome=Outcome.DONE, phases=("pre",))
    store.save_transaction(done)
    assert list(watcher.look()) == []  # it has ended, and its last look is still being taken
    store.save_transaction(replace(done, phases=("pre", "post")))
    assert [line.outcome for line in watcher.look()] == ["done"]
    store.save_transaction(replace(done, phases=("pre", "post")))
    assert list(watcher.look()) == []
    store.save_transaction(replace(done, phases=("pre", "post", "settled")))
    assert [line.phases for line in watcher.look()] == [("pre", "post", "settled")]


def test_the_watch_command_prints_lines_and_ends_quietly(store: Store) -> None:
    argv = [sys.executable, "-m", "bootkeep", "watch", "--json", "--interval", "0.1", "--store", str(store.root)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "toolkit")}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as watching:
        assert watching.stdout is not None
        try:
            # What is there when it begins is not news: tell it something new until it has begun.
            for number in range(80):
                store.save_transaction(replace(TRANSACTION, id=f"20261126T0800{number % 60:02d}Z-{number:08x}"))
                if select.select([watching.stdout], [], [], 0.5)[0]:
                    break
            line = json.loads(watching.stdout.readline())
            watching.send_signal(signal.SIGINT)
            _rest, errors = watching.communicate(timeout=20)
        finally:
            watching.kill()
    assert line["id"].startswith("20261126T0800") and line["outcome"] == "done"
    assert (watching.returncode, errors) == (0, "")


def test_any_two_looks_can_be_compared(store: Store, tmp_path: Path) -> None:
    report = build_diff(store, look_at(store, f"{FIRST}:pre"), look_at(store, "last"))
    opened = {change.key for change in report.changes if change.family == "listener"}
    assert opened == {"tcp 0.0.0.0:2222", "tcp 0.0.0.0:9999"}
    assert "2 transactions in between" in report.subject.outcome_detail
    path = tmp_path / "s.json"
    save_snapshot(snapshot("manual", "2026-11-26T00:00:00Z", content="a", ports=(22,)), path)
    closed = build_diff(store, look_at(store, "last"), look_at(store, str(path)))
    assert {change.key for change in closed.changes if change.family == "listener"} == {
        "tcp 0.0.0.0:2222",
        "tcp 0.0.0.0:9999",
    }
    same = build_diff(store, look_at(store, f"{THIRD}:pre"), look_at(store, f"{THIRD}:pre"))
    assert same.changes == ()


@pytest.mark.parametrize(
    "wanted", ["nothing", f"{FIRST}:later", SECOND, "./no-such.json", "/dev/null", f"{FIRST}:settled"]
)
def test_a_look_that_is_not_there_is_named(store: Store, wanted: str) -> None:
    with pytest.raises(BootkeepError):
        look_at(store, wanted)


@pytest.mark.parametrize("form", ["terminal", "text", "html", "json"])
def test_the_diff_command(store: Store, form: str) -> None:
    app = typer.Typer()
    diff_command.register(app)
    result = CliRunner().invoke(app, [f"{FIRST}:pre", "last", "--store", str(store.root), "--format", form])
    assert result.exit_code == 0, result.output
    assert "9999" in result.output


def test_the_later_look_first_is_said(store: Store) -> None:
    """It is compared as it was asked for, and a person is told which way the report runs."""
    first, last = look_at(store, f"{FIRST}:pre"), look_at(store, "last")
    assert backwards(first, last) == "" == backwards(first, first)
    assert f"{last.name} was taken after {first.name}" in backwards(last, first)
    app = typer.Typer()
    diff_command.register(app)
    result = CliRunner().invoke(app, ["last", f"{FIRST}:pre", "--store", str(store.root), "--json"])
    assert result.exit_code == 0 and "goes back in time" in result.output


@pytest.mark.parametrize("content", ['{"schema": 1}', "[]", "not JSON", '{"phase": "manual", "readings": 5}', ""])
def test_a_file_that_is_no_snapshot_is_called_so(store: Store, tmp_path: Path, content: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(content)
    with pytest.raises(BootkeepError, match="no snapshot") as raised:
        look_at(store, str(path))
    assert "bootkeep snapshot" in raised.value.next_step and str(path) in str(raised.value)


def test_a_report_on_paper(store: Store, tmp_path: Path) -> None:
    app = typer.Typer()
    report_command.register(app)
    output = tmp_path / "r.pdf"
    base = [FIRST, "--store", str(store.root), "--format", "pdf"]
    assert CliRunner().invoke(app, base).exit_code == 5
    result = CliRunner().invoke(app, [*base, "-o", str(output)])
    assert result.exit_code == 0, result.output
    assert output.stat().st_mode & 0o777 == 0o600
    text = " ".join("".join(page.extract_text() for page in PdfReader(output).pages).split())
    for words in ("port 2222 opened", FIRST, "Security weakened", "Could not be compared", "web-07"):
        assert words in text


def test_local_time_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        assert local_time("2026-11-23T17:03:12Z") == "23 Nov 18:03"
        assert local_time("?") == "?"
    finally:
        monkeypatch.undo()
        time.tzset()
