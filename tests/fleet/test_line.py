"""From a hook's record on a host to a report on the master: a real master, two real minions, a real PostgreSQL."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from bootkeep.edges.run import run
from bootkeep.edges.signing import ANNOUNCEMENT, sign
from bootkeep.edges.store import Store
from bootkeep.fleet.database import open_database
from bootkeep.fleet.store import FleetStore
from bootkeep.fleet.upkeep import verify_store
from bootkeep.lab.made_records import finish_record, make_record, one_look
from bootkeep.lab.salt_daemons import Fleet, new_fleet, remove, scratch_folder
from conftest import CACHE

pytestmark = pytest.mark.lab
#: What web2 puts on the master's bus: the second argument is the load of a minion event.
_SEND = """
import json, sys, salt.config, salt.minion, salt.channel.client
opts = salt.config.minion_config(sys.argv[1])
opts.update(salt.minion.prep_ip_port(opts))
opts.update(salt.minion.resolve_dns(opts, fallback=False))
with salt.channel.client.ReqChannel.factory(opts) as channel:
    channel.send({"id": opts["id"], "cmd": "_minion_event", **json.loads(sys.argv[2])}, timeout=30)
"""


@dataclass
class Line:
    """The running daemons, and the store behind the master."""

    fleet: Fleet
    database: FleetStore

    def wait(self, what: Callable[[], object], seconds: float = 150.0) -> object:
        """Until it is true."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if found := what():
                return found
            time.sleep(0.3)
        pytest.fail(f"not within {seconds:.0f} s\n{self.fleet.master.said()}\n{self.fleet.minions['web1'].said()}")

    def fire_as(self, minion: str, load: dict[str, object]) -> None:
        """Let a minion send an event by Salt's own channel, with its own key."""
        configuration = str(self.fleet.minions[minion].configuration / "minion")
        done = run([sys.executable, "-W", "ignore", "-c", _SEND, configuration, json.dumps(load)], timeout_s=120)
        assert done.exit_code == 0, done.stderr[-1500:]


@pytest.fixture(scope="module")
def line(postgres: str) -> Iterator[Line]:
    """A master and two minions."""
    engine = open_database(postgres)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE DATABASE line"))
    engine.dispose()
    dsn = postgres.replace("/postgres?", "/line?")
    root = scratch_folder("line")
    fleet = new_fleet(root, dsn=dsn)
    database = None
    try:
        fleet.master.start()
        fleet.wait_for_master()
        for name in ("web1", "web2"):
            fleet.add(name).start()
        fleet.wait_for_minions()
        database = FleetStore.open(dsn)
        yield Line(fleet, database)
    finally:
        fleet.stop()
        if database is not None:
            database.close()
        remove(root)


def test_a_transaction_is_stored_reported_and_confirmed(line: Line) -> None:
    """The host's mark names the digest that the master has."""
    store = Store(line.fleet.store_of("web1"))
    look = one_look()
    open_ = make_record(store, 1, look, finish=False)
    line.wait(lambda: line.database.transaction("web1", open_.id))
    done = finish_record(store, open_, look)
    line.wait(lambda: store.is_delivered(done.id) and line.database.report("web1", done.id))
    row = line.database.transaction("web1", done.id)
    assert row is not None
    assert (row.outcome, row.verdict, row.phases, row.packages) == ("done", "GO", ("pre", "post"), 1)
    assert "made-1 1.0 installed" in row.summary
    mark = json.loads((store.place(done.id) / "delivered").read_bytes())
    assert mark["digest"] == row.digest == line.database.records("web1", done.id)[-1].digest
    assert verify_store(line.database).problems == ()


def test_a_neighbour_cannot_speak_for_another_host(line: Line) -> None:
    """web2 puts events on the bus under any tag and in web1's name, as Salt lets it; nothing comes of them."""
    before = line.database.records("web1")
    key = Path(line.fleet.minions["web2"].root) / "etc" / "salt" / "pki" / "minion" / "minion.pem"
    claim = {"id": "20261125T000000Z-0000beef", "digest": "a" * 64}
    said = json.dumps({"host": "web1", "announcement": claim})
    forged = {"text": said, "signature": sign(key, ANNOUNCEMENT, "web1", said)}
    line.fire_as("web2", {"tag": f"bootkeep/txn/{claim['id']}/post", "data": forged})
    # The path of syndics: tag and data are the sender's own, and no outer id is left on the bus.
    event = {"tag": f"txn/{claim['id']}/post", "data": {"id": "web1", "data": forged}}
    line.fire_as("web2", {"events": [event], "pretag": "bootkeep", "tag": "x", "data": {}})
    answer = {"return": forged, "jid": "20261125000000000000", "id": "web1", "success": True}
    line.fire_as("web2", {"events": [{"tag": "20261125000000000000/ret/web1", "data": answer}], "pretag": "salt/job",
                          "tag": "x", "data": {}})  # fmt: skip
    refusal = line.wait(lambda: [row for row in line.database.refusals() if row.why == "forged" and row.times >= 2])
    assert refusal
    assert line.database.records("web1") == before
    assert line.database.transaction("web1", claim["id"]) is None


def test_hostile_tags_reach_no_template(line: Line) -> None:
    """The reactors' files render with them, and no job runs that nobody asked for."""
    poison = "x\nevil:\n  local.cmd.run:\n    - tgt: '*'\n    - arg: ['touch /dev/shm/bootkeep-owned']"
    for tag in (
        f"salt/minion/{poison}/start",
        "bootkeep/work",
        f"bootkeep/stored/{poison}",
        "salt/minion/web1/start",
        "bootkeep/capture",
    ):
        line.fire_as("web2", {"tag": tag, "data": {"x": poison, "id": poison}})
    line.wait(lambda: [row for row in line.database.captures() if row.state in {"done", "failed"}])
    assert {row.host for row in line.database.captures()} <= {"web1", "web2"}
    assert not Path("/dev/shm/bootkeep-owned").exists()


def test_the_administrator_asks_for_a_look(line: Line) -> None:
    """The runner takes it, and says what became of it."""
    done = line.fleet.salt_run("bootkeep.capture", "web2", "reason=before the move", "--out=json", timeout_s=150)
    answer = json.loads(done.stdout)
    assert answer["captures"] == {"web2": "done"}, done.stdout + done.stderr
    (row,) = [row for row in line.database.captures() if row.reason == "before the move"]
    assert (row.host, row.state) == ("web2", "done")
    assert list((line.fleet.store_of("web2") / "manual").glob("*.json"))


def test_what_the_master_lost_comes_back_by_reconcile(line: Line) -> None:
    """After a restore of an old backup the hosts' own marks say more than the store."""
    id = line.database.transactions(host="web1")
    lost = next(iter(id)).id
    with line.database.writing() as writer:
        writer.forget_transactions("web1", [lost])
    assert line.fleet.salt_run("bootkeep.reconcile", timeout_s=120).exit_code == 0
    line.wait(lambda: line.database.transaction("web1", lost))


@pytest.mark.usefixtures("lab_wheels")
def test_faults_lose_nothing_and_double_nothing() -> None:
    """`make fleet-faults` in small, on daemons and a host of its own; exit code 1 when one package was lost or came twice."""
    argv = [sys.executable, "-m", "bootkeep.lab.fleet_faults", "--cache", str(CACHE), "--small"]
    done = run([*argv, "--only", "master", "--only", "kill"], timeout_s=840)
    assert done.exit_code == 0, done.stdout + done.stderr[-1500:]
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith(("master stopped", "both killed"))]
    assert [row[2:7] for row in rows if row[0] == "master"] == [
        ["6", "6", "0", "0", "0"]
    ]  # made, stored, lost, twice, waiting
    assert "10 transactions; lost, twice or unconfirmed: 0" in done.stdout
