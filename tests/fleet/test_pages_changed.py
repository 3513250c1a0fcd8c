"""Pages that are brought up to date from what changed are the pages that the whole would give; and how much is read for it."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bootkeep.fleet.page_plan import NEWEST
from bootkeep.fleet.pages import write_pages
from bootkeep.fleet.rows import HostStatus
from bootkeep.fleet.store import FleetStore
from bootkeep.fleet.store_pages import StorePages
from bootkeep.lab.made_fleet import MadeFleet, made_report
from unit.compare.example_host import TRANSACTION, VERDICT

NOW = "2026-11-24T12:00:00Z"
_MADE = next(iter(MadeFleet(1, 1).transactions()))


def put(
    store: FleetStore, host: str, number: int, *, digest: str = "a", report: bool = True, weak: bool = False
) -> None:
    """A transaction of a host: the number is the day, counted from long ago, so that each day has its own few."""
    moment = datetime(2026, 11, 20, tzinfo=UTC) - timedelta(days=number)
    id = f"{moment:%Y%m%dT%H%M%SZ}-{number:08x}"
    started = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    one = replace(TRANSACTION, id=id, started_at=started, ended_at=started)
    with store.writing() as writer:
        writer.save_transaction(host, one, {"post": VERDICT}, digest=digest * 64, now=NOW)
        if report:
            made = made_report(
                replace(_MADE, id=id, host=host, started_at=started, changes=_MADE.changes if weak else ())
            )
            writer.save_report(host, id, made, digest=digest * 64, now=NOW)


def whole(store: FleetStore, place: Path) -> dict[str, bytes]:
    """What a run that knows nothing of earlier ones writes."""
    write_pages(StorePages(store, now=NOW), place, now=NOW, everything=True)
    return contents(place)


def contents(place: Path) -> dict[str, bytes]:
    """The pages by name."""
    files = (path for path in place.rglob("*") if path.is_file() and ".bootkeep" not in path.parts)
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("hosts", [3, 12])
def test_what_is_read_does_not_grow_with_what_is_stored(store: FleetStore, tmp_path: Path, hosts: int) -> None:
    """By count: one more transaction costs its host's, its day's and a neighbour's, and the newest for the timeline."""
    for number in range(hosts * 12):
        put(store, f"web{number % hosts:02}", number + 1, report=False)
    root = tmp_path / "site"
    first = write_pages(StorePages(store, now=NOW), root, now=NOW)
    assert first.read == hosts * 12
    newest = min(NEWEST, hosts * 12)
    nothing = write_pages(StorePages(store, now=NOW), root, now=NOW)
    assert (nothing.written, nothing.read) == (0, newest)
    put(store, "web00", 0)
    one = write_pages(StorePages(store, now=NOW), root, now=NOW)
    assert one.read == 1 + 13 + 1 + 1 + min(NEWEST, hosts * 12 + 1)
    assert (one.planned, one.written) == (8, 7)
    assert contents(root) == whole(store, tmp_path / "fresh")


def test_a_host_that_only_speaks_moves_no_page_but_the_overview(store: FleetStore, tmp_path: Path) -> None:
    """Every minion speaks every five minutes."""
    for host in ("web01", "web02"):
        put(store, host, 1)
    root = tmp_path / "site"
    write_pages(StorePages(store, now=NOW), root, now=NOW)
    later = "2026-11-24T12:05:00Z"
    with store.writing() as writer:
        writer.save_status("web01", HostStatus(), later)
    done = write_pages(StorePages(store, now=later), root, now=later)
    assert (done.written, done.planned) == (1, 2)
    with store.writing() as writer:
        writer.save_status("web01", HostStatus(running_kernel="6.1.0-99-amd64"), later)
    done = write_pages(StorePages(store, now=later), root, now=later)
    assert b"6.1.0-99-amd64" in contents(root)["hosts/web01/index.html"]
    assert done.written == 2


@pytest.mark.parametrize("seed", range(4))
def test_any_history_ends_in_the_same_pages(store: FleetStore, tmp_path: Path, seed: int) -> None:
    """New, changed, reported, weakened, moved, gone: after each step the site is what a fresh run would write."""
    dice = random.Random(seed)
    root = tmp_path / "site"
    hosts = ["web01", "web02", "web03"]
    put(store, "web01", 1)
    write_pages(StorePages(store, now=NOW), root, now=NOW)
    for step in range(12):
        host, number = dice.choice(hosts), dice.randrange(4)
        match dice.randrange(6):
            case 0 | 1:
                put(store, host, number, report=dice.random() < 0.6, digest=dice.choice("abc"))
            case 2:
                put(store, host, number, weak=True, digest=dice.choice("abc"))
            case 3:
                with store.writing() as writer:
                    writer.save_status(host, HostStatus(waiting=step, runbook_state="STALE"), NOW)
            case 4:
                with store.writing() as writer:
                    text = f"RESCUE RUNBOOK {step}\n"
                    writer.save_runbook(
                        host, f"RB-0000000{step % 10}", text, generated_at=NOW, fingerprint="{}", now=NOW
                    )
            case _:
                stored = [row for row in store.transactions() if row.host == host]
                if len(stored) > 1:
                    with store.writing() as writer:
                        writer.forget_transactions(host, [dice.choice(stored).id])
        write_pages(StorePages(store, now=NOW), root, now=NOW)
        assert contents(root) == whole(store, tmp_path / "fresh"), step


def test_a_fleet_begins_with_nothing(store: FleetStore, tmp_path: Path) -> None:
    """Pages of an empty store, then of the first host, then of its first transaction."""
    root = tmp_path / "site"
    write_pages(StorePages(store, now=NOW), root, now=NOW)
    with store.writing() as writer:
        writer.saw("web01", NOW)
    write_pages(StorePages(store, now=NOW), root, now=NOW)
    assert contents(root) == whole(store, tmp_path / "fresh")
    put(store, "web01", 1)
    write_pages(StorePages(store, now=NOW), root, now=NOW)
    assert contents(root) == whole(store, tmp_path / "fresh")


def test_a_damaged_memory_of_the_last_run_costs_a_whole_run_and_nothing_else(store: FleetStore, tmp_path: Path) -> None:
    """So does the first run of a day: what somebody took away comes back then at the latest."""
    put(store, "web01", 1)
    root = tmp_path / "site"
    write_pages(StorePages(store, now=NOW), root, now=NOW)
    before = contents(root)
    (root / "hosts/web01/index.html").unlink()
    (root / ".bootkeep/state.json").write_text('{"version": 7}')
    assert write_pages(StorePages(store, now=NOW), root, now=NOW).written == 1
    assert contents(root) == before
    (root / "hosts/web01/index.html").unlink()
    tomorrow = "2026-11-25T12:00:00Z"
    write_pages(StorePages(store, now=tomorrow), root, now=tomorrow)
    assert "hosts/web01/index.html" in contents(root)
