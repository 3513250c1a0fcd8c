"""The fleet's store on SQLite and on PostgreSQL: whole or not at all, the same twice, and nobody writes into another's rows."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from bootkeep.facts.delivery import DeliveredFile, Manifest
from bootkeep.facts.errors import StoreError
from bootkeep.facts.finding import Finding, Judgement, Severity, Verdict
from bootkeep.facts.transaction import Action, Caller, Outcome, PackageChange, Transaction, TransactionStep
from bootkeep.fleet.database import migrate, open_database, schema_version
from bootkeep.fleet.rows import HostStatus
from bootkeep.fleet.store import FleetStore
from bootkeep.fleet.tables import METADATA

NOW = "2026-11-25T12:00:00Z"
LATER = "2026-11-25T12:05:00Z"
ID = "20261125T115900Z-0123abcd"
#: Bytes that are no UTF-8, a NUL, quotes, YAML and Jinja.
ODD = "a\udcff\0'; DROP TABLE hosts; --\n{{ 7*7 }}\n!!python/object:os.system"


def transaction(
    id: str = ID, *, outcome: Outcome = Outcome.DONE, phases: tuple[str, ...] = ("pre", "post")
) -> Transaction:
    """A transaction as a host records it."""
    change = PackageChange("hello", "amd64", "", "2.10-3", Action.INSTALL)
    caller = Caller("apt", 4711, 99, "boot", ("apt-get", "install", "hello", ODD), "alice")
    step = TransactionStep((change,), "2026-11-25T11:59:00Z", "2026-11-25T11:59:09Z")
    return Transaction(id, caller, outcome, "", step.started_at, step.ended_at, (step,), phases)


def verdict(word: Judgement = Judgement.GO) -> Verdict:
    """A verdict with one finding."""
    finding = Finding("only-kernel", "B01", Severity.AT_RISK, f"There is one kernel {ODD}")
    return Verdict(word, () if word is Judgement.GO else (finding,))


def stored(store: FleetStore, host: str = "web1", id: str = ID, now: str = NOW, digest: str = "a" * 64) -> None:
    """Put a transaction in."""
    with store.writing() as writer:
        writer.save_transaction(host, transaction(id), {"post": verdict()}, digest=digest, now=now)


def test_migrations_make_exactly_the_tables_of_the_code(dsn: str) -> None:
    """A table that is changed without a migration would be missing on every master that is upgraded."""
    engine = open_database(dsn)
    assert schema_version(engine) == ("", "0004")
    assert migrate(engine) == migrate(engine) == "0004"
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    engine.dispose()


def test_an_upgrade_of_the_schema_keeps_every_row(dsn: str) -> None:
    """SQLite drops the old table when it alters one, and foreign keys would take all records along."""
    engine = open_database(dsn)
    assert migrate(engine, "0001") == "0001"
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO hosts (host, first_seen, last_seen, name, system, tool_version, boot_id, running_kernel, "
                "default_kernel, last_good_kernel, verdict, verdict_sentence, verdict_at, last_transaction, runbook, "
                "runbook_state, runbook_at, waiting, bytes, problem) "
                "VALUES ('web1', '', '', '', '', '', '', '', '', '', 'GO', '', '', '', '', 'FRESH', '', 0, 3, '')"
            )
        )
        connection.execute(
            text("INSERT INTO bodies (host, sha256, size, content) VALUES ('web1', :digest, 3, :content)"),
            {"digest": "a" * 64, "content": b"abc"},
        )
    engine.dispose()
    with contextlib.closing(FleetStore.open(dsn)) as store:
        assert store.body("web1", "a" * 64) == b"abc"
        (row,) = store.hosts()
        assert (row.runbook_state, row.bytes, row.other_bytes) == ("FRESH", 3, 0)


def test_a_newer_schema_is_left_alone(dsn: str) -> None:
    """An older program must not write into what it does not know."""
    store = FleetStore.open(dsn)
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="upgrade bootkeep on this master"):
        FleetStore.open(dsn)
    store.close()


def test_what_is_stored_is_read_again(store: FleetStore) -> None:
    """Odd bytes come back as escapes; the host's row follows its newest transaction."""
    with store.writing() as writer:
        writer.save_status("web1", HostStatus(name=ODD, running_kernel="6.1.0-1", reboot_pending=True), NOW)
        writer.save_transaction("web1", transaction(), {"post": verdict(Judgement.NO_GO)}, digest="a" * 64, now=NOW)
    (row,) = store.transactions()
    assert (row.host, row.id, row.phases, row.packages, row.outcome) == ("web1", ID, ("pre", "post"), 1, "done")
    assert (row.verdict, row.mood, row.summary) == ("NO-GO", "bad", "")
    assert "\\udcff" in row.command
    assert "\0" not in row.command
    (host,) = store.hosts()
    assert (host.verdict, host.last_transaction, host.reboot_pending, host.running_kernel) == (
        "NO-GO",
        ID,
        True,
        "6.1.0-1",
    )
    assert store.verdicts("web1", ID)[0].sentence.startswith("NO-GO: There is one kernel")
    assert store.unreported() == (("web1", ID),)


def test_the_same_twice_is_one_row(store: FleetStore) -> None:
    """Duplicates and replays are normal."""
    manifest = Manifest(ID, "post", (DeliveredFile("record.json", "b" * 64, 7),))
    for now in (NOW, LATER):
        stored(store, now=now)
        with store.writing() as writer:
            assert writer.save_record("web1", manifest, now=now) is (now == NOW)
            writer.save_body("web1", b"content")
    (row,) = store.transactions()
    assert (row.first_stored_at, row.stored_at) == (NOW, LATER)
    assert len(store.records()) == 1
    assert store.counts()["bodies"] == 1
    assert store.hosts()[0].bytes == 7


def test_an_older_transaction_does_not_speak_for_the_host(store: FleetStore) -> None:
    """After an outage old records come late."""
    stored(store)
    with store.writing() as writer:
        old = transaction("20261101T000000Z-00000001")
        writer.save_transaction("web1", old, {"post": verdict(Judgement.NO_GO)}, digest="c" * 64, now=LATER)
    host = store.host("web1")
    assert host is not None
    assert (host.last_transaction, host.verdict) == (ID, "GO")


def test_what_fails_half_way_leaves_nothing(store: FleetStore) -> None:
    """A record without its bodies would be taken for a whole one."""
    with pytest.raises(RuntimeError), store.writing() as writer:
        writer.save_transaction("web1", transaction(), {}, digest="a" * 64, now=NOW)
        writer.save_body("web1", b"content")
        raise RuntimeError
    assert set(store.counts().values()) == {0}


def test_contents_go_with_the_last_record_that_names_them(store: FleetStore) -> None:
    """Retention frees what nothing needs any more, and keeps what another transaction shares."""
    newer = "20261125T120500Z-0123abcd"
    with store.writing() as writer:
        for id, contents in ((ID, (b"shared", b"old")), (newer, (b"shared", b"new"))):
            writer.save_transaction("web1", transaction(id), {}, digest="a" * 64, now=NOW)
            files = tuple(DeliveredFile(f"{n}", writer.save_body("web1", c), len(c)) for n, c in enumerate(contents))
            writer.save_record("web1", Manifest(id, "post", files), now=NOW)
    with store.writing() as writer:
        assert writer.forget_transactions("web1", [ID]) == 3
    assert [row.id for row in store.transactions()] == [newer]
    assert store.hosts()[0].bytes == len(b"shared" + b"new")


def test_runbooks_are_kept_by_their_id_and_the_oldest_go(store: FleetStore) -> None:
    """When the host is down only the master's copy helps."""
    for number in range(8):
        with store.writing() as writer:
            writer.save_runbook(
                "web1", f"RB-0000000{number}", f"text {number}", generated_at=NOW, fingerprint="{}",
                now=f"2026-11-25T12:00:0{number}Z",
            )  # fmt: skip
    assert len(store.runbooks("web1")) == 5
    assert store.runbook_text("web1", "RB-00000007") == "text 7"
    assert store.runbook_text("web2") is None
    host = store.host("web1")
    assert host is not None
    assert host.runbook == "RB-00000007"


def test_captures_and_alerts_are_asked_and_raised_once(store: FleetStore) -> None:
    """The same event twice is one look at the host and one message."""
    with store.writing() as writer:
        writer.saw("web1", NOW)
        first = writer.ask_capture("web1", reason="boot", asked_by="reactor", now=NOW)
        assert writer.ask_capture("web1", reason="boot", asked_by="reactor", now=LATER) == first
        writer.set_capture(first, "done", now=LATER)
        assert writer.ask_capture("web1", reason="boot", asked_by="reactor", now=LATER) != first
        assert writer.raise_alert("web1", "no-go", "x", "text", now=NOW)
        assert not writer.raise_alert("web1", "no-go", "x", "text", now=LATER)
    assert [row.state for row in store.captures()] == ["done", "asked"]
    (alert,) = store.alerts(untold=True)
    with store.writing() as writer:
        writer.mark_told([alert.number], LATER)
    assert store.alerts(untold=True) == ()


def test_refusals_are_counted_not_piled_up(store: FleetStore) -> None:
    """A flood of rubbish takes one row."""
    for _ in range(50):
        with store.writing() as writer:
            writer.refuse("evil" * 200 + ODD, "not the sender's host", ODD, NOW)
    (row,) = store.refusals()
    assert row.times == 50
    assert len(row.sender) <= 253


def test_the_embedded_database_is_private_whatever_the_umask(tmp_path: Path) -> None:
    """Records name packages, users and commands of every host."""
    before = os.umask(0)
    try:
        store = FleetStore.open(f"sqlite:///{tmp_path / 'fleet' / 'fleet.sqlite'}")
        stored(store)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "fleet").iterdir()}
        assert modes["fleet.sqlite"] == 0o600
        assert set(modes.values()) == {0o600}
        assert stat.S_IMODE((tmp_path / "fleet").stat().st_mode) == 0o700
        store.close()
    finally:
        os.umask(before)


@pytest.mark.parametrize("dsn", ["oracle://x", "nonsense", "sqlite:///relative.sqlite"])
def test_a_wrong_dsn_is_told(dsn: str) -> None:
    """One clear sentence."""
    with pytest.raises(StoreError, match=r"sqlite:////|absolute"):
        open_database(dsn)


def test_a_store_without_schema_says_what_to_do(tmp_path: Path) -> None:
    """Reading never makes a schema by itself when it is told not to."""
    with pytest.raises(StoreError, match="bootkeep fleet init"):
        FleetStore.open(f"sqlite:///{tmp_path / 'x.sqlite'}", upgrade=False)
    assert list(tmp_path.iterdir()) == []
    open_database(f"sqlite:///{tmp_path / 'x.sqlite'}").connect().close()  # the file, and nothing in it
    with pytest.raises(StoreError, match=r"no schema.*bootkeep fleet init"):
        FleetStore.open(f"sqlite:///{tmp_path / 'x.sqlite'}", upgrade=False)


def test_open_transactions_wait_for_their_report(store: FleetStore) -> None:
    """Nothing can be compared before the post."""
    with store.writing() as writer:
        running = replace(transaction(phases=("pre",)), outcome=Outcome.OPEN)
        writer.save_transaction("web1", running, {}, digest="a" * 64, now=NOW)
    assert store.unreported() == ()
