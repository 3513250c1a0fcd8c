"""What the fleet's way in is measured against: a reactor that does nothing, and Salt's own returners, on the same bus.

Salt 3008 ships ``pgjsonb`` and ``rawfile_json`` as returners that take events; one for SQLite is no longer among them, so the
embedded database stands beside the file. A returner keeps whatever comes: it checks nothing, asks nothing, confirms nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.daemons import Meter, master_bus, pss_mib
from bench.made_hosts import MadeHosts
from sqlalchemy import text

from bootkeep.edges.run import run
from bootkeep.fleet.database import open_database
from bootkeep.lab.chroot import checked
from bootkeep.lab.salt_daemons import Fleet, new_fleet

Row = dict[str, object]
_CHECKOUT = Path(__file__).parents[1]
_NOTHING = "#!py\ndef run():\n    if data.get('last'):\n        open({done!r}, 'w').close()\n    return {{}}\n"
#: As the returner's own documentation has it.
_EVENTS = (
    "CREATE SEQUENCE seq_salt_events_id",
    "CREATE TABLE salt_events (id BIGINT NOT NULL UNIQUE DEFAULT nextval('seq_salt_events_id'), tag varchar(255) NOT NULL, "
    "data jsonb NOT NULL, alter_time TIMESTAMP WITH TIME ZONE DEFAULT NOW(), master_id varchar(255) NOT NULL)",
    "CREATE INDEX idx_salt_events_tag ON salt_events (tag)",
    "CREATE INDEX idx_salt_events_data ON salt_events USING gin (data) WITH (fastupdate=on)",
)


@contextmanager
def master(root: Path, **options: Any) -> Iterator[Fleet]:
    """A master of its own, up; with nothing of bootkeep unless the options say so."""
    root.mkdir(parents=True)
    fleet = new_fleet(root / "fleet", **{"engines": [], "reactor": [], **options})
    fleet.master.environment["PYTHONPATH"] = str(driver_folder())
    fleet.master.start()
    try:
        fleet.wait_for_master()
        time.sleep(5)  # its processes are still starting
        yield fleet
    finally:
        fleet.stop()


def driver_folder() -> Path:
    """Where psycopg2 lies for Salt's returner: below the checkout's cache, in nobody's environment."""
    folder = _CHECKOUT / ".cache" / "bench" / "psycopg2"
    if not (folder / "psycopg2").is_dir():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--require-hashes",
               "-r", str(_CHECKOUT / "requirements" / "bench.txt"), "--target", str(folder)]  # fmt: skip
        checked(run(pip, timeout_s=300, directory=str(_CHECKOUT)), "fetching psycopg2 for Salt's returner")
    return folder


def reactor_that_does_nothing(root: Path, hosts: MadeHosts, events: int) -> Row:
    """Each event renders one ``#!py`` reaction that returns nothing. The events are announcements, as bootkeep's are."""
    done = root / "done"
    root.mkdir()
    (root / "nothing.sls").write_text(_NOTHING.format(done=str(done)), encoding="utf-8")
    load = hosts.announcement(hosts.names[0])
    with master(root / "at", reactor=[{"bench/*": [str(root / "nothing.sls")]}]) as fleet:
        memory = pss_mib(fleet.master)
        with master_bus(fleet, listen=False) as bus:
            meter = Meter(fleet.master, "Reactor")
            for number in range(events):
                bus.fire_event({"id": "x", "data": load}, f"bench/{number}")
            bus.fire_event({"last": True}, "bench/last")
            return {**meter.until(done.exists, events, 1200), "master_pss_mib": memory}


def pgjsonb(root: Path, hosts: MadeHosts, events: int, dsn: str) -> Row:
    """Salt's own returner to PostgreSQL takes events that are as large as a whole record."""
    engine = open_database(dsn)
    with engine.begin() as connection:
        for statement in _EVENTS:
            connection.execute(text(statement))

    def count() -> int:
        with engine.connect() as connection:
            return int(connection.execute(text("SELECT count(*) FROM salt_events")).scalar_one())

    settings = {"host": dsn.partition("host=")[2], "user": "bootkeep", "pass": "", "db": "postgres", "port": 5432}
    options = {f"returner.pgjsonb.{name}": value for name, value in settings.items()}
    try:
        return _returner(root, hosts, events, lambda: count() >= events, event_return="pgjsonb", **options)
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE salt_events"))
            connection.execute(text("DROP SEQUENCE seq_salt_events_id"))
        engine.dispose()


def rawfile_json(root: Path, hosts: MadeHosts, events: int) -> Row:
    """Salt's own returner to a file, a line an event."""
    file = root.parent / f"{root.name}.events"

    def whole() -> bool:
        return file.exists() and file.read_bytes().count(b"\n") >= events

    options = {"rawfile_json.filename": str(file)}
    return _returner(root, hosts, events, whole, event_return="rawfile_json", **options)


def _returner(root: Path, hosts: MadeHosts, events: int, done: Callable[[], bool], **options: Any) -> Row:
    with master(root, event_return_whitelist=["bench/*"], **options) as fleet, master_bus(fleet, listen=False) as bus:
        meter = Meter(fleet.master, "EventReturn")
        for number in range(events):
            load = hosts.answer(hosts.names[number % len(hosts.names)], "n", {"records": True})
            bus.fire_event({"id": "x", "data": load}, f"bench/{number}")
        return meter.until(done, events, 1200)
