"""The verdict belongs to the record: it is kept with the readings it stands on, and they give it again."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bootkeep.edges.store import Store, new_transaction_id
from bootkeep.facts.finding import Judgement, Verdict
from bootkeep.facts.policy import Policy
from bootkeep.facts.transaction import Action, Caller, Outcome, PackageChange, Transaction, TransactionStep
from bootkeep.flows.check import check_readings
from bootkeep.flows.phases import judge_phase, take_phase
from bootkeep.flows.report import build_report

CALLER = Caller("apt-get", 1, 1, "boot", ("apt-get",), "")
CHANGE = PackageChange("a", "all", "1", "2", Action.UPGRADE)
AT = "2026-11-23T17:00:00Z"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot/initrd.img-6.1.0-1-amd64").write_bytes(b"garbage")
    (tmp_path / "var/lib/dpkg/info").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text("")
    return tmp_path


def recorded(store: Store) -> Transaction:
    steps = (TransactionStep((CHANGE,), AT, AT),)
    item = Transaction(new_transaction_id(AT), CALLER, Outcome.DONE, "", AT, AT, steps, ("post",))
    store.save_transaction(item)
    return item


def test_newer_rules_can_judge_the_record_again(root: Path) -> None:
    store = Store(root / "var/lib/bootkeep")
    item = recorded(store)
    until = time.monotonic() + 10
    snapshot = take_phase(store, item, "post", root=root, until=until)
    verdict = judge_phase(store, item, snapshot, Policy(), root=root, until=until)
    assert verdict is not None
    assert verdict.judgement is not Judgement.GO
    assert store.load_verdict(item.id, "post") == verdict
    kept = store.load_snapshot(item.id, "post")
    assert set(kept.readings) > set(snapshot.readings)
    assert check_readings(kept.readings, Policy(), taken_at=kept.taken_at).verdict == verdict


def test_the_report_shows_the_verdict_of_then(root: Path) -> None:
    store = Store(root / "var/lib/bootkeep")
    item = recorded(store)
    take_phase(store, item, "post", root=root, until=time.monotonic() + 10)
    assert build_report(store, item.id).verdict.word == "UNKNOWN"
    then = Verdict(Judgement.GO, ())
    store.save_verdict(item.id, "post", then)
    assert build_report(store, item.id).verdict.word == "GO"


def test_without_time_nothing_is_judged(root: Path) -> None:
    store = Store(root / "var/lib/bootkeep")
    item = recorded(store)
    snapshot = take_phase(store, item, "post", root=root, until=time.monotonic() + 10)
    assert judge_phase(store, item, snapshot, Policy(), root=root, until=time.monotonic() + 0.1) is None
    assert store.load_snapshot(item.id, "post") == snapshot
