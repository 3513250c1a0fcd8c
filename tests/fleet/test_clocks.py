"""Clocks that are wrong, on hosts that are honest and on one that is not: nobody else's pages or verdicts suffer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bootkeep.facts.finding import Judgement, Verdict
from bootkeep.fleet.pages import write_pages
from bootkeep.fleet.rows import HostStatus
from bootkeep.fleet.store import FleetStore
from bootkeep.fleet.store_pages import StorePages
from unit.compare.example_host import TRANSACTION

NOW = "2026-11-25T12:00:00Z"
LATER = "2026-11-25T12:05:00Z"
GO, NO_GO = Verdict(Judgement.GO, ()), Verdict(Judgement.NO_GO, ())


def put(
    store: FleetStore,
    host: str,
    id: str,
    verdict: Verdict = GO,
    *,
    started: str = "",
    now: str = NOW,
    digest: str = "a",
    ran: tuple[str, int] = ("", 0),
) -> None:
    """A transaction whose clock said ``id``, stored at ``now``."""
    started = started or f"{id[:4]}-{id[4:6]}-{id[6:8]}T{id[9:11]}:{id[11:13]}:{id[13:15]}Z"
    caller = replace(TRANSACTION.caller, boot_id=ran[0], start_ticks=ran[1])
    one = replace(TRANSACTION, id=id, started_at=started, ended_at=started, caller=caller)
    with store.writing() as writer:
        writer.save_transaction(host, one, {"post": verdict}, digest=digest * 64, now=now)


def verdict_of(store: FleetStore, host: str) -> tuple[str, str]:
    """The host's own row."""
    row = store.host(host)
    assert row is not None
    return row.verdict, row.last_transaction


@pytest.mark.parametrize(
    "day", ["9999-12-31", "0001-01-01", "1969-12-31", "2026-02-30", "2026-13-01", "２０２６-11-25", "2200-01-01"]
)
def test_a_day_that_no_calendar_has_costs_the_others_no_page(store: FleetStore, tmp_path: Path, day: str) -> None:
    """The next run brings the pages up to date all the same, and an honest host's transaction is on them."""
    put(store, "web1", "20261125T115900Z-00000001")
    write_pages(StorePages(store, now=NOW), tmp_path / "site", now=NOW)
    put(store, "evil", "20261125T115901Z-00000002", started=f"{day}T00:00:00Z")
    put(store, "web1", "20261125T115902Z-00000003")
    write_pages(StorePages(store, now=NOW), tmp_path / "site", now=NOW)
    assert "11:59:02" in (tmp_path / "site" / "timeline" / "2026-11-25.html").read_text("utf-8")
    assert {path.name for path in (tmp_path / "site" / "timeline").iterdir()} == {"2026-11-25.html", "undated.html"}


def test_a_day_to_come_neither_empties_the_drawing_nor_leads_the_newest(store: FleetStore, tmp_path: Path) -> None:
    """A clock of the year 2100 on one host: its transactions stand on their day and on its page, whole and incremental alike."""
    put(store, "web1", "20261125T115900Z-00000001")
    write_pages(StorePages(store, now=NOW), tmp_path / "a", now=NOW)
    for number in range(120):
        put(store, "far1", f"21000101T000000Z-{number:08x}")
    write_pages(StorePages(store, now=NOW), tmp_path / "a", now=NOW)
    write_pages(StorePages(store, now=NOW), tmp_path / "b", now=NOW, everything=True)
    page = (tmp_path / "a" / "timeline.html").read_text("utf-8")
    assert page == (tmp_path / "b" / "timeline.html").read_text("utf-8")
    assert "days up to 2026-11-25" in page
    newest = page.partition('id="newest-title"')[2]
    assert "web1" in newest
    assert "far1" not in newest
    assert (tmp_path / "a" / "timeline" / "2100-01-01.html").is_file()


def test_pages_of_another_store_are_not_trusted(store: FleetStore, tmp_path: Path) -> None:
    """Restored from a backup, the store counts its changes anew; as many transactions as before may be other ones."""
    for number in range(3):
        put(store, "web1", f"20261125T11590{number}Z-00000001")
    write_pages(StorePages(store, now=NOW), tmp_path / "site", now=NOW)
    with store.writing() as writer:
        writer.forget_host("web1")
    for number in range(3):
        put(store, "web1", f"20261125T11595{number}Z-00000001")
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE transactions SET change = change - 3")
    write_pages(StorePages(store, now=NOW), tmp_path / "site", now=NOW)
    page = (tmp_path / "site" / "timeline" / "2026-11-25.html").read_text("utf-8")
    assert "11:59:52" in page
    assert "11:59:02" not in page


def test_a_transaction_of_a_clock_that_was_ahead_does_not_hide_the_later_ones(store: FleetStore) -> None:
    """A GO of the year 2036 would stand in the host's row for ten years, whatever became of the host."""
    put(store, "web1", "20360101T000000Z-00000001", GO, now=NOW)
    assert verdict_of(store, "web1") == ("GO", "20360101T000000Z-00000001")
    put(store, "web1", "20261125T120400Z-00000002", NO_GO, now=LATER)
    assert verdict_of(store, "web1") == ("NO-GO", "20261125T120400Z-00000002")
    # Its later look (settled) arrives after that: the transaction itself is the older one still.
    put(store, "web1", "20360101T000000Z-00000001", GO, now="2026-11-25T12:06:00Z", digest="b")
    assert verdict_of(store, "web1") == ("NO-GO", "20261125T120400Z-00000002")


@pytest.mark.parametrize(
    ("first", "second", "running"),
    [(("boot", 100), ("boot", 200), ""), (("before", 900), ("boot", 5), "boot"), (("before", 900), ("boot", 5), "")],
    ids=["within a boot", "over a reboot", "over a reboot that nobody has told of"],
)
def test_a_clock_that_was_set_back_does_not_hide_the_later_ones(
    store: FleetStore, first: tuple[str, int], second: tuple[str, int], running: str
) -> None:
    """By its id the second one is older by an hour. Which boot it ran in, and when in it, says that it is not."""
    with store.writing() as writer:
        writer.save_status("web1", HostStatus(boot_id=running), NOW)
    put(store, "web1", "20261125T115900Z-00000001", GO, ran=first)
    put(store, "web1", "20261125T110400Z-00000002", NO_GO, now=LATER, ran=second)
    told = "20261125T110400Z-00000002" if running or first[0] == second[0] else "20261125T115900Z-00000001"
    assert verdict_of(store, "web1")[1] == told
    put(store, "web1", "20261125T115900Z-00000001", GO, now=LATER, digest="b", ran=first)  # its later look
    assert verdict_of(store, "web1")[1] == told


def test_what_arrives_late_is_not_taken_for_new(store: FleetStore) -> None:
    """An older transaction that says GO, kept back by an outage: the NO-GO of the newer one stays."""
    put(store, "web1", "20261125T115900Z-00000002", NO_GO, now=NOW, ran=("boot", 60))
    put(store, "web1", "20261125T110400Z-00000001", GO, now=LATER, ran=("boot", 50))
    assert verdict_of(store, "web1") == ("NO-GO", "20261125T115900Z-00000002")
