"""The looks after a transaction: one for those that follow each other, none that will never come is waited for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bootkeep.edges import processes
from bootkeep.edges.store import Store, new_transaction_id
from bootkeep.facts.finding import Verdict
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Reading, Readings, Snapshot, Status
from bootkeep.facts.transaction import Action, Caller, Outcome, PackageChange, Transaction, TransactionStep
from bootkeep.flows import settling
from bootkeep.flows.phases import take_phase
from bootkeep.flows.settling import after_boot, settle
from bootkeep.probes.services.units import UNITS_LOADED

CHANGE = PackageChange("a", "all", "1", "2", Action.UPGRADE)
LONG_AGO = "2026-01-01T00:00:{:02d}Z"
HERE = processes.boot_id()
EARLIER = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "var/lib/dpkg/info").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text("")
    return tmp_path


@pytest.fixture
def store(root: Path) -> Store:
    return Store(root / "var/lib/bootkeep")


def done(store: Store, second: int = 0, *, boot: str = HERE, outcome: Outcome = Outcome.DONE) -> Transaction:
    """A transaction that has ended and waits for both looks."""
    at = LONG_AGO.format(second)
    caller = Caller("apt-get", 1, 1, boot, ("apt-get",), "")
    item = Transaction(
        new_transaction_id(at),
        caller,
        outcome,
        "",
        at,
        at,
        (TransactionStep((CHANGE,), at, at),),
        ("post",),
        awaits=("settled", "boot"),
    )
    store.save_transaction(item)
    return item


def test_the_settled_look_is_kept_with_its_verdict(root: Path, store: Store) -> None:
    item = done(store)
    after = settle(store, Policy(), root=root)
    assert after is not None
    assert after == store.load_transaction(item.id)
    assert (after.phases, after.awaits, after.missed) == (("post", "settled"), ("boot",), ())
    assert store.load_snapshot(item.id, "settled").readings
    assert isinstance(store.load_verdict(item.id, "settled"), Verdict)
    assert settle(store, Policy(), root=root) is None


def test_transactions_that_follow_each_other_share_one_look(root: Path, store: Store) -> None:
    first, second = done(store, 1), done(store, 2)
    after = settle(store, Policy(), root=root)
    assert after is not None
    assert after.id == second.id
    early = store.load_transaction(first.id)
    assert (early.phases, early.awaits, early.missed) == (("post",), ("boot",), ("settled",))


def test_nothing_settles_while_a_transaction_is_at_work(root: Path, store: Store) -> None:
    done(store, 1)
    me = processes.process(1)
    assert me is not None
    item = done(store, 2)
    store.save_transaction(
        replace(item, outcome=Outcome.OPEN, awaits=(), caller=replace(item.caller, start_ticks=me.start_ticks))
    )
    assert settle(store, Policy(), root=root) is None


def test_a_later_transaction_has_its_own_worker(root: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    done(store, 1)
    monkeypatch.setattr(settling, "now_utc", lambda: "2026-01-01T00:00:40Z")
    assert settle(store, Policy(), root=root) is None
    monkeypatch.setattr(
        settling, "now_utc", lambda: "2025-12-31T00:00:00Z"
    )  # a clock that was set back waits for nothing
    assert settle(store, Policy(), root=root) is not None


def test_one_worker_at_a_time(root: Path, store: Store) -> None:
    done(store)
    with settling.alone(store) as alone:
        assert alone
        assert settle(store, Policy(), root=root) is None
    assert settle(store, Policy(), root=root) is not None


def test_a_transaction_that_went_on_meanwhile_settles_later(
    root: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = done(store)

    def go_on(*arguments: object, **keywords: object) -> Snapshot:
        reopened = replace(item, outcome=Outcome.OPEN, steps=(*item.steps, item.steps[0]))
        store.save_transaction(reopened)
        return take_phase(*arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(settling, "take_phase", go_on)
    assert settle(store, Policy(), root=root) is None
    assert store.load_transaction(item.id).outcome is Outcome.OPEN


def test_a_boot_takes_its_look_and_closes_what_it_cut_off(root: Path, store: Store) -> None:
    first, second = done(store, 1, boot=EARLIER), done(store, 2, boot=EARLIER)
    open_one = done(store, 3, boot=EARLIER, outcome=Outcome.OPEN)
    store.save_transaction(replace(open_one, awaits=(), ended_at=""))
    (root / "var/lib/dpkg/status").write_text(
        "Package: a\nStatus: install ok unpacked\nArchitecture: all\nVersion: 2\n"
    )
    after = after_boot(store, Policy(), root=root)
    assert after is not None
    assert (after.id, after.outcome) == (open_one.id, Outcome.INTERRUPTED)
    assert after.phases == ("post", "boot")
    for item in (first, second):
        closed = store.load_transaction(item.id)
        assert (closed.awaits, closed.missed) == ((), ("settled", "boot"))
    assert after_boot(store, Policy(), root=root) is None


def test_the_boot_look_follows_a_look_that_never_settled(root: Path, store: Store) -> None:
    item = done(store, boot=EARLIER)
    assert settle(store, Policy(), root=root) is None
    after = after_boot(store, Policy(), root=root)
    assert after is not None
    assert (after.id, after.phases, after.awaits, after.missed) == (item.id, ("post", "boot"), (), ("settled",))
    assert isinstance(store.load_verdict(item.id, "boot"), Verdict)


def test_a_service_that_did_not_come_back_is_an_alarm(root: Path, store: Store) -> None:
    item = done(store)
    before = '[{"unit":"web.service","load":"loaded","active":"active","sub":"running","description":"Web"}]'
    after = before.replace('"active":"active"', '"active":"failed"')
    for phase, text in (("pre", before), ("settled", after)):
        readings = Readings({UNITS_LOADED.key: Reading(Status.OK, text)})
        store.save_snapshot(item.id, phase, Snapshot(phase, item.started_at, "h", HERE, readings, "1"))
    item = replace(item, phases=("pre", "post", "settled"))
    assert any("web.service" in alarm for alarm in settling._alarms(store, item, "settled", Policy()))


def test_the_page_is_written_again_with_the_look(root: Path, store: Store) -> None:
    done(store)
    assert settle(store, Policy(), root=root) is not None
    folder = root / "var/lib/bootkeep/runbook"
    assert sorted(path.name for path in folder.iterdir()) == [
        "fingerprint.json",
        "known",
        "runbook.html",
        "runbook.txt",
    ]
