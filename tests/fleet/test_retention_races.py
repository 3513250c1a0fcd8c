"""Old records go while new ones come: what was confirmed is whole, and what went stays away."""

from __future__ import annotations

import gzip
import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from bootkeep.edges.spool import Spool
from bootkeep.edges.store import Store
from bootkeep.facts.delivery import DeliveredFile, Manifest
from bootkeep.facts.finding import Judgement, Verdict
from bootkeep.facts.reading import Readings, Snapshot
from bootkeep.fleet.limits import Contents, WentAway
from bootkeep.fleet.receiving import store_record
from bootkeep.fleet.reporting import report_pending
from bootkeep.fleet.store import FleetStore
from bootkeep.fleet.upkeep import Kept, collect_garbage, verify_store
from bootkeep.flows.delivery import answer
from bootkeep.lab.hostile_minion import ID, OTHER, Scene, record, snapshot
from bootkeep.lab.made_records import make_record
from unit.compare.example_host import TRANSACTION

NOW = "2026-11-25T12:10:00Z"


def copies(count: int) -> dict[str, bytes]:
    """So many copies of configuration files, as a record names them."""
    packed = {}
    for number in range(count):
        content = b"%d" % number
        packed[f"blobs/{hashlib.sha256(content).hexdigest()}"] = gzip.compress(content, mtime=0)
    return packed


def test_contents_that_go_while_a_record_comes_are_asked_for_again(tmp_path: Path) -> None:
    """`bootkeep fleet gc` between two pieces: the record is not refused, it comes anew, and it is whole."""
    scene = Scene(tmp_path)
    files = {"record.json": record(), **copies(3)}
    made = Manifest(
        ID, "post", tuple(DeliveredFile(n, hashlib.sha256(c).hexdigest(), len(c)) for n, c in sorted(files.items()))
    )
    with scene.store.writing() as writer:
        writer.saw("web1", NOW)
        for content in copies(3).values():
            writer.save_body("web1", content)  # from an earlier question
    begin = scene.intake._begin

    def cleaned(*arguments: object) -> None:
        begin(*arguments)  # type: ignore[arg-type]
        collect_garbage(scene.store, Kept(), now=NOW)

    scene.intake._begin = cleaned  # type: ignore[method-assign,assignment]
    scene.deliver(files)
    assert scene.store.records() == ()
    scene.intake.refusals.flush()
    assert scene.store.refusals() == ()
    scene.intake._begin = begin  # type: ignore[method-assign]
    assert scene.ask()["records"][0]["id"] == ID
    scene.deliver(files)
    assert [row.digest for row in scene.store.records()] == [made.digest]
    assert verify_store(scene.store).problems == ()
    scene.store.close()


def test_no_record_is_stored_without_its_contents(store: FleetStore) -> None:
    """The last moment: everything was there when the record was understood, and is not when it is stored."""
    manifest = Manifest(TRANSACTION.id, "post", (DeliveredFile("record.json", "a" * 64, 3),))
    contents = Contents(TRANSACTION, {"post": Verdict(Judgement.GO, ())})
    with pytest.raises(WentAway):
        store_record(store, "web1", manifest, contents)
    assert store.records() == ()
    assert tuple(store.transactions()) == ()


def test_what_retention_removed_is_not_fetched_again(tmp_path: Path) -> None:
    """The hosts keep their records longer than the master, and each start of the master asks them for their lists."""
    scene, spool = Scene(tmp_path), Spool(Store(tmp_path / "store"))
    look = Snapshot("pre", "2026-11-25T12:00:00Z", "web1", "b", Readings({}), "1")

    def talk() -> None:
        scene.intake.reconcile(["web1"], scene.now)
        for _ in range(6):
            scene.now += 5.0
            for question in list(scene.intake.questions(scene.now)):
                request = {**question.hosts["web1"], "nonce": question.nonce}
                said = answer(spool, request, host="web1", key=scene.keys["web1"], master="m")
                scene.intake.answered("web1", said, scene.now)

    for number in range(4):
        make_record(spool.store, number, look)
    talk()
    ids = [row.id for row in scene.store.transactions()]
    assert len(ids) == 4
    assert collect_garbage(scene.store, Kept(1e6, transactions=2), now="2099-01-01T00:00:00Z").transactions == 2
    talk()
    assert [row.id for row in scene.store.transactions()] == ids[:2]
    # What the store lost, and did not let go, comes back all the same.
    with scene.store.writing() as writer:
        writer.forget_transactions("web1", ids[:1])
    talk()
    assert [row.id for row in scene.store.transactions()] == ids[:2]
    scene.store.close()


def test_clocks_that_nobody_has_set_do_not_decide_what_goes(store: FleetStore) -> None:
    """A record of 1970 that came today is of today; one of the year 2199 does not stay for ever."""
    for host, id, started, now in (
        ("web1", "19700101T000000Z-00000001", "1970-01-01T00:00:00Z", NOW),
        ("web1", "21990101T000000Z-00000002", "2199-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("web1", "20240101T000000Z-00000003", "2024-01-01T00:00:00Z", NOW),
        ("web1", "20261125T120000Z-00000004", "2026-11-25T12:00:00Z", NOW),
        ("web1", "21990101T000000Z-00000005", "2199-01-01T00:00:01Z", NOW),
    ):
        with store.writing() as writer:
            one = replace(TRANSACTION, id=id, started_at=started)
            writer.save_transaction(host, one, {}, digest="a" * 64, now=now)
    collect_garbage(store, Kept(days=400), now=NOW)
    assert {row.id[-1] for row in store.transactions()} == {"1", "4", "5"}
    row = store.host("web1")
    assert row is not None and row.let_go == "20240101T000000Z-00000003"


@pytest.mark.parametrize("days", [0.0, 10.0**9, float("inf")])
def test_any_number_of_days_is_a_number_of_days(store: FleetStore, days: float) -> None:
    """No calendar has so many."""
    assert collect_garbage(store, Kept(days=days), now=NOW).transactions == 0


def test_more_transactions_go_than_one_statement_takes(store: FleetStore) -> None:
    """SQLite takes 32,766 values in some builds, PostgreSQL 65,535."""
    with store.writing() as writer:
        writer.saw("web1", NOW)
        writer.forget_transactions("web1", [f"20261125T120000Z-{number:08x}" for number in range(70_000)])
    assert store.counts()["hosts"] == 1


def test_a_report_of_what_went_is_not_made(store: FleetStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Retention between the list of what is pending and the report of it."""
    from bootkeep.fleet import reporting
    from unit.reports.example_report import example_report

    with store.writing() as writer:
        writer.save_transaction("web1", TRANSACTION, {}, digest="a" * 64, now=NOW)

    def slow(*_arguments: object) -> object:
        with store.writing() as writer:
            writer.forget_transactions("web1", [TRANSACTION.id])
        return example_report()

    monkeypatch.setattr(reporting, "build_stored_report", slow)
    assert report_pending(store) == ()
    assert store.counts()["reports"] == 0


def test_alerts_and_looks_go_with_what_they_were_about(store: FleetStore) -> None:
    """They are kept for as long as the transaction; looks that nobody has taken yet stay."""
    with store.writing() as writer:
        writer.save_transaction("web1", TRANSACTION, {}, digest="a" * 64, now=NOW)
        writer.raise_alert("web1", "no-go", "k", "text", now=NOW, id=TRANSACTION.id)
        for number, state in enumerate(("done", "failed", "asked")):
            numbered = writer.ask_capture("web1", reason=f"r{number}", asked_by="a", now="2020-01-01T00:00:00Z")
            writer.set_capture(numbered, state, now="2020-01-01T00:00:00Z")
        writer.forget_transactions("web1", [TRANSACTION.id])
    collect_garbage(store, Kept(days=400), now=NOW)
    counts = store.counts()
    assert (counts["alerts"], counts["captures"]) == (0, 1)


def test_a_host_that_misses_hooks_all_day_is_looked_at_once_at_a_time(tmp_path: Path) -> None:
    """Each look is a job of its own, and one worker takes them for the whole fleet."""
    scene = Scene(tmp_path)
    for number in range(20):
        id = f"20261125T1200{number:02}Z-0123abcd"
        scene.deliver({"record.json": record(id, hook_missed="a change that no hook saw")}, id=id)
    assert len(scene.store.records()) == 20
    assert len(scene.store.captures("asked")) == 1
    assert len([alert for alert in scene.store.alerts() if alert.kind == "hook-missed"]) == 20
    scene.store.close()


def test_reports_count_into_the_share_before_they_are_made(tmp_path: Path) -> None:
    """All records of a host may be stored before its first report is: they must not fill the disk together."""
    scene = Scene(tmp_path)
    for id in (ID, OTHER):
        scene.deliver({"record.json": record(id), "pre.json.gz": snapshot(), "post.json.gz": snapshot()}, id=id)
    row = scene.store.host("web1")
    assert row is not None
    share = row.bytes + row.other_bytes + 10  # room for the first one to begin
    assert [id for _host, id in report_pending(scene.store, share=share)] == [ID]
    assert scene.store.unreported() == ()
    assert [alert.kind for alert in scene.store.alerts()] == ["report-failed"]
    scene.store.close()


def test_a_full_disk_below_tmp_costs_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is nobody's record that cannot be reported then: all are made once there is room, and nobody is told otherwise."""
    scene = Scene(tmp_path)
    for id in (ID, OTHER):
        scene.deliver({"record.json": record(id), "pre.json.gz": snapshot(), "post.json.gz": snapshot()}, id=id)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    assert report_pending(scene.store) == ()
    assert scene.store.alerts() == ()
    monkeypatch.undo()
    assert [id for _host, id in report_pending(scene.store)] == [ID, OTHER]
    scene.store.close()


def test_a_start_that_anybody_may_claim_is_looked_at_once_a_minute(store: FleetStore) -> None:
    """A clock that was set back keeps nobody from being looked at."""
    asked = []
    with store.writing() as writer:
        for now, lately in (
            ("2026-11-25T12:00:00Z", "2026-11-25T11:59:00Z"),
            ("2026-11-25T12:00:30Z", "2026-11-25T11:59:30Z"),
            ("2026-11-25T12:01:01Z", "2026-11-25T12:00:01Z"),
            ("2026-11-25T11:00:00Z", "2026-11-25T10:59:00Z"),
        ):
            asked.append(writer.ask_capture("web1", reason="boot", asked_by="a", now=now, lately=lately))
            writer.set_capture(asked[-1], "done", now=now)
    assert asked == [1, 1, 2, 3]
