"""Pages and messages by event: a real master with a real minion, a record in its spool, a page and a mail at the other end."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bootkeep.edges.store import Store
from bootkeep.facts.codec import to_plain
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.notice import Destination, MessagePolicy, NoticeKind, NoticeRule
from bootkeep.fleet.desk import QUIET_S, Chore
from bootkeep.flows.messages import messages_configured
from bootkeep.lab.made_records import make_record, one_look
from bootkeep.lab.salt_daemons import new_fleet
from fleet.receivers import web


def counted(take_s: float = 0.0) -> tuple[list[float], Callable[[], float], Callable[[], str]]:
    """Work that takes so long by a clock of its own."""
    done: list[float] = []
    moment = [0.0]

    def work() -> str:
        done.append(moment[0])
        moment[0] += take_s
        return "done"

    return done, lambda: moment[0], work


def test_a_wave_of_events_is_one_piece_of_work() -> None:
    """A hundred events in a second, then silence."""
    done, clock, work = counted()
    chore = Chore("pages", work, every_s=300)
    assert chore.tick(0.0, clock)  # once at the start: nobody knows what came while it was not running
    for number in range(100):
        chore.heard(10 + number / 100)
        chore.tick(10 + number / 100, clock)
    assert len(done) == 1
    assert chore.tick(10 + QUIET_S, clock)
    assert not chore.tick(11 + QUIET_S, clock)
    assert chore.tick(311 + QUIET_S, clock)  # and from time to time without an event
    assert len(done) == 3


def test_slow_work_leaves_the_machine_alone_most_of_the_time() -> None:
    """Events all the time, work of two seconds: a tenth of the time at most."""
    done: list[float] = []
    moment = [0.0]

    def work() -> str:
        done.append(moment[0])
        moment[0] += 2.0
        return ""

    chore = Chore("pages", work, every_s=300, quiet_s=0.0)
    while moment[0] < 1000:
        chore.heard(moment[0])
        if not chore.tick(moment[0], lambda: moment[0]):
            moment[0] += 0.5
    assert 40 <= len(done) <= 51


@pytest.mark.parametrize(
    "error",
    [BootkeepError("no space", where="/srv/pages", next_step="Free some."), OverflowError("no space (/srv/pages)")],
    ids=["ours", "of what some host has sent"],
)
def test_an_error_is_said_and_does_not_end_it(caplog: pytest.LogCaptureFixture, error: Exception) -> None:
    """The folder is full today and is not tomorrow; and messages go on while the pages cannot be written."""

    def work() -> str:
        raise error

    chore = Chore("pages", work, every_s=1)
    assert chore.tick(0.0) and chore.tick(1e9)
    assert len([one for one in caplog.records if "no space (/srv/pages)" in f"{one.getMessage()} {one.exc_info}"]) == 2


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short name: Salt's sockets lie below it, and a socket's path has 107 letters at most."""
    with tempfile.TemporaryDirectory(prefix="bk-") as folder:
        yield Path(folder)


@pytest.mark.lab
def test_from_the_spool_of_a_minion_to_page_and_message(tmp_path: Path, short: Path) -> None:
    """Nobody asks for anything: the record is stored, reported, shown and told of."""
    with web() as (taken, address):
        # GO needs no message: the runbook that the master does not have is what is told of.
        destination = Destination("chat", "webhook", address, per_hour=100)
        rule = NoticeRule("all", ("chat",), tuple(NoticeKind))
        policy = MessagePolicy((rule,), (destination,), gather_s=0.0, overdue_days=0.0)
        messages_configured(tmp_path / "messages.json", to_plain(policy))
        desk = {
            "pages": str(tmp_path / "pages"),
            "policy": str(tmp_path / "messages.json"),
            "outbox": str(tmp_path / "outbox.sqlite"),
        }
        fleet = new_fleet(short / "salt", engines=[{"bootkeep_store": {"report_after": 20.0}}, {"bootkeep_desk": desk}])
        minion = fleet.add("web01")
        made = make_record(Store(fleet.store_of("web01")), 1, one_look())
        try:
            fleet.master.start()
            fleet.wait_for_master()
            minion.start()
            page = tmp_path / f"pages/hosts/web01/t-{made.id}.html"
            until = time.monotonic() + 240
            while not (page.exists() and taken):
                assert time.monotonic() < until, fleet.master.said() + minion.said()
                time.sleep(0.5)
            assert "made-1" in page.read_text()
            assert "web01" in (tmp_path / "pages/index.html").read_text()
            assert taken[0]["notices"][0]["kind"] == "runbook-overdue"
            again = fleet.salt_run("bootkeep.pages", str(tmp_path / "pages"), "--out=json")
            assert '"written": ' in again.stdout, again.stdout + again.stderr
        finally:
            fleet.stop()
