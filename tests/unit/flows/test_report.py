"""From a real store to a report, and the commands that show it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bootkeep.cli import report as report_command
from bootkeep.cli import snapshot as snapshot_command
from bootkeep.cli import transactions as transactions_command
from bootkeep.edges.host import LiveHost, RecordedHost
from bootkeep.edges.store import Store
from bootkeep.facts.codec import from_json
from bootkeep.facts.config_copy import CopyKind
from bootkeep.facts.errors import StoreError
from bootkeep.facts.reading import Reading, Readings, Snapshot, Status
from bootkeep.facts.transaction import Outcome
from bootkeep.flows.report import build_report, recorded, resolve
from bootkeep.flows.snapshot import config_copies, take_snapshot
from bootkeep.probes.config.files import ETC_DIGESTS, ETC_LISTING, ETC_MD5
from bootkeep.probes.packages.dpkg import STATUS
from bootkeep.probes.services.processes import LISTENER_LIST
from unit.compare.example_host import TRANSACTION

FIRST = TRANSACTION.id
SECOND = "20261124T080000Z-00000000"


def readings(*, content: str, ports: tuple[int, ...]) -> Readings:
    """A host with one conffile and some ports."""
    row = {
        "path": "/etc/default/ssh",
        "type": "file",
        "mode": "0644",
        "uid": 0,
        "gid": 0,
        "size": 5,
        "mtime_ns": 1,
        "ino": 1,
    }
    status = (
        "Package: openssh-server\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n"
        f"Conffiles:\n /etc/default/ssh {'a' * 32}\n"
    )
    sockets = [
        {
            "protocol": "tcp",
            "address": "0.0.0.0",
            "port": port,
            "pid": 1,
            "start_ticks": 1,
            "user": "root",
            "unit": "",
            "exe": "/usr/sbin/sshd",
        }
        for port in ports
    ]
    answers = {
        ETC_LISTING.key: json.dumps([row]),
        ETC_DIGESTS.key: json.dumps({"/etc/default/ssh": content * 64}),
        ETC_MD5.key: json.dumps({"/etc/default/ssh": content * 32}),
        STATUS.key: status,
        LISTENER_LIST.key: json.dumps(sockets),
        "file:/var/lib/dpkg/info/openssh-server.list": "/.\n/usr/sbin/sshd\n",
    }
    return Readings({key: Reading(Status.OK, text) for key, text in answers.items()})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two transactions, the first with both snapshots and copies."""
    store = Store(tmp_path / "store")
    store.save_transaction(TRANSACTION)
    before = readings(content="b", ports=(22,))
    after = readings(content="a", ports=(22, 2222))
    store.save_snapshot(FIRST, "pre", Snapshot("pre", "2026-11-23T17:03:12Z", "web-07", "x", before, "0.1.0"))
    store.save_snapshot(FIRST, "post", Snapshot("post", "2026-11-23T17:04:12Z", "web-07", "x", after, "0.1.0"))
    store.save_config_copies(FIRST, "pre", {"/etc/default/ssh": b"OPTS=1\npassword=hunter2\n"})
    store.save_config_copies(FIRST, "post", {"/etc/default/ssh": b"OPTS=2\npassword=hunter2\n"})
    store.save_transaction(
        replace(TRANSACTION, id=SECOND, outcome=Outcome.REFUSED, started_at="2026-11-24T08:00:00Z", phases=())
    )
    return store


@pytest.fixture
def app() -> typer.Typer:
    """The commands without the rest of the command line."""
    app = typer.Typer()
    for command in (report_command, transactions_command, snapshot_command):
        command.register(app)
    return app


def test_a_recorded_transaction_becomes_a_report(store: Store) -> None:
    report = build_report(store, FIRST)
    assert report.host == "web-07"
    assert report.headline.startswith("openssh-server 9.2p1-2+deb12u7 replaced ssh; port 2222 opened")
    assert report.verdict.word == "UNKNOWN"  # these snapshots did not look at the boot files
    assert report.changes[1].package == "openssh-server"
    assert report.diffs[0].unified[-3:] == ("-OPTS=1", "+OPTS=2", " password=[redacted]")
    assert {gap.family for gap in report.not_compared} >= {"process", "sysctl"}


def test_a_refused_transaction_has_a_report_too(store: Store) -> None:
    report = build_report(store, "last")
    assert "REFUSED" in report.headline
    assert [gap.family for gap in report.not_compared] == ["everything"]
    assert report.changes == ()


def test_a_damaged_snapshot_is_a_gap_not_a_removal(store: Store) -> None:
    snapshots = [path for path in store.root.rglob("*.json.gz") if path.name.startswith("post")]
    for path in snapshots:
        path.write_bytes(path.read_bytes()[:40])
    report = build_report(store, FIRST)
    assert snapshots and report.changes == ()
    assert report.not_compared


def test_ids_resolve_by_beginning_and_say_what_they_lack(store: Store, tmp_path: Path) -> None:
    assert resolve(store, "last") == SECOND
    assert resolve(store, "20261123") == FIRST
    for wanted in ("2026", "nothing", "", "../../etc"):
        with pytest.raises(StoreError):
            resolve(store, wanted)
    with pytest.raises(StoreError, match="no transaction is recorded"):
        resolve(Store(tmp_path / "empty"), "last")


def test_recorded_names_what_is_damaged(store: Store) -> None:
    record = store.root / "transactions" / FIRST / "record.json"
    record.write_text("{")
    found, damaged = recorded(store)
    assert [one.id for one in found] == [SECOND]
    assert damaged[0][0] == FIRST


def test_a_snapshot_has_a_deadline_and_says_what_it_left_out() -> None:
    snapshot = take_snapshot("manual", host=RecordedHost("x", Readings({})), deadline_s=5)
    assert {reading.status for reading in snapshot.readings.values()} == {Status.NOT_TAKEN}
    late = take_snapshot("pre", host=RecordedHost("x", Readings({})), deadline_s=-1)
    assert {reading.status for reading in late.readings.values()} == {Status.TIMEOUT}


def test_copies_hold_the_files_at_stake_and_links_as_links(tmp_path: Path) -> None:
    (tmp_path / "etc/default").mkdir(parents=True)
    (tmp_path / "etc/default/ssh").write_bytes(b"\xff=1\n")
    (tmp_path / "etc/fstab").symlink_to("default/ssh")
    (tmp_path / "etc/shadow").write_text("root:x")
    snapshot = Snapshot("pre", "", "", "", readings(content="b", ports=()), "")
    changes = TRANSACTION.changes
    copies = config_copies(snapshot, changes, root=tmp_path)
    assert {path: copy.content for path, copy in copies.items()} == {"/etc/default/ssh": b"\xff=1\n"}
    copies = config_copies(snapshot, changes, also=["/etc/fstab", "/etc/nowhere", "/etc/shadow"], root=tmp_path)
    assert {path: (copy.about.kind, copy.content) for path, copy in copies.items()} == {
        "/etc/default/ssh": (CopyKind.FILE, b"\xff=1\n"),
        "/etc/fstab": (CopyKind.LINK, None),
        "/etc/shadow": (CopyKind.WITHHELD, None),
    }
    assert copies["/etc/fstab"].about.target == "default/ssh"


def test_a_mounted_root_is_looked_at_without_its_running_parts(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hostname").write_text("x\n")
    snapshot = take_snapshot("manual", root=tmp_path)
    assert snapshot.readings["native:processes"].status is Status.NOT_TAKEN
    assert snapshot.readings[ETC_LISTING.key].ok
    assert LiveHost(tmp_path).name == snapshot.host


@pytest.mark.parametrize("form", ["terminal", "text", "html", "json"])
def test_report_command_in_every_form(store: Store, app: typer.Typer, form: str) -> None:
    result = CliRunner().invoke(app, ["report", FIRST, "--store", str(store.root), "--format", form])
    assert result.exit_code == 0, result.output
    assert "port 2222 opened" in result.output.replace("\n", " ").replace("│", "")


def test_report_command_writes_a_private_file(store: Store, app: typer.Typer, tmp_path: Path) -> None:
    output = tmp_path / "r.html"
    result = CliRunner().invoke(app, ["report", FIRST, "--store", str(store.root), "-f", "html", "-o", str(output)])
    assert result.exit_code == 0
    assert output.stat().st_mode & 0o777 == 0o600
    assert output.read_text().startswith("<!doctype html>")


def test_report_command_shows_one_file(store: Store, app: typer.Typer) -> None:
    runner = CliRunner()
    result = runner.invoke(app, ["report", FIRST, "--store", str(store.root), "--diff", "/etc/default/ssh"])
    assert "+OPTS=2" in result.output and "hunter2" not in result.output
    missing = runner.invoke(app, ["report", FIRST, "--store", str(store.root), "--diff", "/etc/x"])
    assert missing.exit_code == 5
    assert "/etc/default/ssh" in missing.output


def test_report_command_without_transactions_says_what_to_do(app: typer.Typer, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["report", "--store", str(tmp_path / "none")])
    assert result.exit_code == 5
    assert "selftest" in result.output


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ([], [FIRST, SECOND]),
        (["--since", "2026-11-24"], [SECOND]),
        (["--package", "openssh-server"], [FIRST, SECOND]),
        (["--package", "nothing"], []),
        (["--outcome", "refused"], [SECOND]),
        (["--until", "2026-11-23"], [FIRST]),
        (["--since", "2026-11-23T17:00", "--until", "2026-11-23T18:00"], [FIRST]),
        (["--manager", "dpkg"], []),
        (["--weakened"], [FIRST]),
        (["--limit", "1"], [SECOND]),
    ],
)
def test_transactions_command_filters(store: Store, app: typer.Typer, options: list[str], ids: list[str]) -> None:
    runner = CliRunner()
    result = runner.invoke(app, ["transactions", "--store", str(store.root), "--json", *options])
    assert [one["id"] for one in json.loads(result.output)] == ids
    table = runner.invoke(app, ["transactions", "--store", str(store.root), *options], env={"COLUMNS": "200"})
    assert all(id.partition("-")[2] in table.output for id in ids)


@pytest.mark.parametrize("since", ["yesterday", "2026-13-01", "20261123", "3y", "9999999999d", "2026-11-23T25:00"])
def test_transactions_command_refuses_a_bad_day(store: Store, app: typer.Typer, since: str) -> None:
    result = CliRunner().invoke(app, ["transactions", "--store", str(store.root), "--since", since])
    assert result.exit_code in {2, 5}
    assert "2026-11-23" in result.output


def test_snapshot_command_writes_what_can_be_read_back(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "root/etc").mkdir(parents=True)
    output = tmp_path / "s.json"
    result = CliRunner().invoke(app, ["snapshot", "--root", str(tmp_path / "root"), "--output", str(output)])
    assert result.exit_code == 0, result.output
    assert "native:processes" in result.output
    again = from_json(Snapshot, output.read_bytes(), where="test")
    assert again.phase == "manual" and again.readings[ETC_LISTING.key].ok
    assert output.stat().st_mode & 0o777 == 0o600
