"""The fleet's way in: events a second, processor time and memory, from the event on a real master's bus to the store.

    python -m bench.fleet [--hosts 500 1500 5000] [--events 1000] [--small]

Hosts are made up: one process answers the master's jobs on its bus for all of them (bench.made_hosts). The bus, the engine, the
reactor and both databases are real. Against: the same bus with a reactor that does nothing, and Salt's own returners with
events as large as a record. A line of JSON for each measurement, as soon as it is there; then the ratios, and how it grows.
All folders lie in memory where there is a /dev/shm, so no disk is waited for; one line says what a real disk adds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import fleet_pages, fleet_peers
from bench.daemons import Meter, master_bus, pss_mib
from bench.made_hosts import MadeHosts
from sqlalchemy import text

from bootkeep.fleet.database import open_database
from bootkeep.fleet.reporting import report_pending
from bootkeep.fleet.store import FleetStore
from bootkeep.lab.postgres import postgres_server
from bootkeep.lab.salt_daemons import Fleet, remove, scratch_folder

Row = dict[str, Any]
_CHECKOUT = Path(__file__).parents[1]
#: Nothing but the way in is measured: reports have a line of their own.
_INTAKE: Row = {"engines": [{"bootkeep_store": {"report_after": 86400.0}}], "reactor": []}
_GROWTH_HOSTS = (500, 1500, 5000)
_MEMORY = Path("/dev/shm")
#: Reports that are made to say what one takes.
_REPORTS = 100


def deliver_all(fleet: Fleet, hosts: MadeHosts, store: FleetStore) -> Row:
    """Announce everything, answer every question, until all is stored: how long, and what it cost the master."""
    keys = Path(fleet.master.root) / "etc" / "salt" / "pki" / "master" / "minions"
    keys.mkdir(parents=True, exist_ok=True)
    for name in hosts.names:
        (keys / name).write_bytes(hosts.public)
    announcements = {name: hosts.announcement(name) for name in hosts.names}
    with master_bus(fleet, listen=True) as bus:
        _answer_job(bus, _until_the_engine_listens(bus), hosts)
        meter = Meter(fleet.master, "bootkeep_store")
        started = looked = time.monotonic()
        for name, data in announcements.items():
            bus.fire_event({"id": name, "data": data}, f"bootkeep/txn/{hosts.id}/post")
        stored = 0
        while stored < len(hosts.names) and time.monotonic() - started < 1800:
            event = bus.get_event(wait=1, full=True)
            if event and event["tag"].endswith("/new") and event["data"].get("fun") == "bootkeep_fleet.exchange":
                _answer_job(bus, event["data"], hosts)
            if time.monotonic() - looked > 1:
                looked, stored = time.monotonic(), store.counts()["records"]
        return {"hosts": len(hosts.names), "stored": store.counts()["records"]} | meter.read(len(hosts.names))


def _until_the_engine_listens(bus: Any) -> Row:
    """It asks every minion for its list when it is told to: the first job shows that it hears us."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        bus.fire_event({}, "bootkeep/reconcile")
        event = bus.get_event(wait=1, full=True)
        while event is not None:
            if event["tag"].endswith("/new") and event["data"].get("fun") == "bootkeep_fleet.exchange":
                job: Row = event["data"]
                return job
            event = bus.get_event(wait=1, full=True)
    raise RuntimeError("the engine does not hear the bus")


def _answer_job(bus: Any, job: Row, hosts: MadeHosts) -> None:
    request = job["arg"][0]
    for name, asked in request["hosts"].items():
        answer = hosts.answer(name, request["nonce"], asked)
        bus.fire_event(
            {"id": name, "jid": job["jid"], "return": answer, "success": True}, f"salt/job/{job['jid']}/ret/{name}"
        )


def intake(place: Path, count: int, dsn: str) -> Row:
    """So many hosts deliver one record each, all at once."""
    (place / "keys").mkdir(parents=True)
    made = MadeHosts(place / "keys", count)
    with fleet_peers.master(place / "at", dsn=dsn, **_INTAKE) as fleet:
        memory = pss_mib(fleet.master)
        with contextlib.closing(FleetStore.open(str(fleet.master.options["bootkeep"]["dsn"]))) as store:
            row = deliver_all(fleet, made, store) | {
                "master_pss_mib": memory,
                "master_pss_mib_after": pss_mib(fleet.master),
            }
            row["store_mib"] = round(_size(store) / 2**20, 1)
            started = time.process_time()
            reports = report_pending(store, limit=_REPORTS)
            row["report_cpu_ms"] = round(1000 * (time.process_time() - started) / max(1, len(reports)), 1)
            return row


def _size(store: FleetStore) -> int:
    if store.engine.dialect.name == "sqlite":
        path = Path(store.engine.url.database or "")
        return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
    with store.engine.connect() as connection:
        return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())


def minion_memory(root: Path) -> Row:
    """PSS of one real minion with and without the sender, beside the same master."""
    with fleet_peers.master(root, **_INTAKE) as fleet:
        fleet.add("plain", engines=[]).start()
        fleet.add("sends").start()
        fleet.wait_for_minions()
        time.sleep(10)  # the sender has looked a few times
        return {f"minion_{name}_pss_mib": pss_mib(minion) for name, minion in fleet.minions.items()}


def measure(hosts: tuple[int, ...], events: int, *, small: bool = False) -> list[Row]:
    """All rows; each is printed as soon as it is there."""
    rows: list[Row] = []

    def keep(what: str, values: Row) -> Row:
        rows.append({"what": what, **values})
        sys.stdout.write(json.dumps(rows[-1]) + "\n")
        sys.stdout.flush()
        return rows[-1]

    root = scratch_folder("bench")
    try:
        (root / "keys").mkdir()
        made = MadeHosts(root / "keys", 50)
        nothing = keep(
            "a reactor that does nothing", fleet_peers.reactor_that_does_nothing(root / "nothing", made, events)
        )
        peers = {"sqlite": keep("Salt's returner rawfile_json", fleet_peers.rawfile_json(root / "raw", made, events))}
        with postgres_server() as postgres:
            peers["postgresql"] = keep(
                "Salt's returner pgjsonb", fleet_peers.pgjsonb(root / "pgjsonb", made, events, postgres)
            )
            for count in hosts:
                for kind in ("sqlite", "postgresql"):
                    dsn = postgres if kind == "postgresql" else ""
                    row = keep(f"bootkeep, announced to stored, {kind}", intake(root / f"{kind}{count}", count, dsn))
                    if kind == "postgresql":
                        _empty(postgres)
                    _ratios(row, nothing, peers[kind], keep)
        if not small:
            with tempfile.TemporaryDirectory(dir=_CHECKOUT / ".cache") as disk:
                keep("bootkeep, the same on a disk, sqlite", intake(Path(disk) / "on", hosts[0], ""))
        keep("memory of a minion", minion_memory(root / "minions"))
        for count in hosts:
            keep("pages of such a fleet", fleet_pages.pages(count, each=2 if small else 10, browse=False))
            keep("pages by what changed", fleet_pages.changed(count))
    finally:
        remove(root)
    return rows


def _ratios(ours: Row, nothing: Row, returner: Row, keep: Any) -> None:
    for peer in (nothing, returner):
        keep(
            f"{ours['what']}, {ours['hosts']} hosts, against: {peer['what']}",
            {
                name: round(float(ours[name]) / max(0.01, float(peer[name])), 2)
                for name in ("events_a_second", "cpu_ms_an_event", "master_cpu_ms_an_event", "master_pss_mib")
                if name in peer
            },
        )


def _empty(dsn: str) -> None:
    engine = open_database(dsn)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()


def main() -> int:
    """Print a row of JSON for each measurement; exit code 1 when a record was not stored."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hosts", type=int, nargs="+", default=list(_GROWTH_HOSTS))
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--small", action="store_true", help="The same in a minute, with 20 hosts: only that it runs.")
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))  # daemons and folders go on the way out
    (_CHECKOUT / ".cache").mkdir(exist_ok=True)
    if _MEMORY.is_dir():
        tempfile.tempdir = str(_MEMORY)  # PostgreSQL's folder and the pages' too
    hosts, events = ((20,), 20) if wanted.small else (tuple(wanted.hosts), wanted.events)
    rows = measure(hosts, events, small=wanted.small)
    return 0 if all(row.get("stored", 0) == row["hosts"] for row in rows if "stored" in row) else 1


if __name__ == "__main__":
    sys.exit(main())
