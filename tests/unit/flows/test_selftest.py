"""The self-test as a look only: what a highstate in test mode may ask."""

from __future__ import annotations

from pathlib import Path

from bootkeep.edges.store import Store, new_transaction_id
from bootkeep.facts.transaction import Caller, Outcome, Transaction, TransactionStep
from bootkeep.flows.selftest import selftest

NOW = "2026-11-23T17:20:00Z"


def test_read_only_writes_nothing_and_closes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    gone = Caller("apt-get", 999_999, 1, "an-earlier-boot", (), "ada")
    record = Transaction(new_transaction_id(NOW), gone, Outcome.OPEN, "", NOW, "", (TransactionStep((), NOW, ""),), ())
    store.save_transaction(record)
    before = {path: path.stat().st_mtime_ns for path in store.root.rglob("*")}
    names = {test.name for test in selftest(tmp_path, store, read_only=True)}
    assert {"apt-hook", "dpkg.cfg", "records"} <= names
    assert "store" not in names
    assert {path: path.stat().st_mtime_ns for path in store.root.rglob("*")} == before
    selftest(tmp_path, store)
    assert [item.outcome for item in store.newest(5)] == [Outcome.INTERRUPTED]


def test_read_only_does_not_even_make_the_store(tmp_path: Path) -> None:
    selftest(tmp_path, read_only=True)
    assert list(tmp_path.iterdir()) == []
