"""The fleet's way in: records a second and processor time of each, from the event on a real master's bus to the store.

    python -m bench.fleet [--hosts 5000] [--events 2000]

Hosts are made up: one process answers the master's jobs on its bus for all of them, with records that are signed, whole and of
a usual size. The bus, the engine, the reactor and both databases are real. Against: the same bus with a reactor that does nothing.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bootkeep.edges.signing import ANNOUNCEMENT, ANSWER, sign
from bootkeep.facts.codec import to_plain
from bootkeep.facts.delivery import DeliveredFile, Manifest
from bootkeep.fleet.store import FleetStore
from bootkeep.lab.hostile_minion import Scene, record, snapshot
from bootkeep.lab.postgres import postgres_server
from bootkeep.lab.salt_daemons import Fleet, new_fleet, remove, scratch_folder

_TICK = os.sysconf("SC_CLK_TCK")
#: One snapshot as it travels; a small server's is about as large.
_BODY = 60 * 1024
_NOTHING = "#!py\ndef run():\n    return {}\n"


def processes(leader: int) -> dict[int, str]:
    """A daemon's processes, by their own titles."""
    found, wanted = {}, [leader]
    while wanted:
        pid = wanted.pop()
        try:
            title = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            wanted += [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
        except OSError:
            continue
        found[pid] = title
    return found


def cpu_s(pids: list[int]) -> float:
    """Processor seconds of processes so far."""
    total = 0.0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / _TICK
    return total


def pss_mib(leader: int) -> float:
    """Proportional memory of a daemon with all its processes."""
    total = 0
    for pid in processes(leader):
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
        except OSError:
            continue
        total += int(re.search(r"(?m)^Pss:\s+(\d+)", text).group(1))  # type: ignore[union-attr]
    return round(total / 1024, 1)


class MadeHosts:
    """Hosts that share one key: what each announces and answers."""

    def __init__(self, place: Path, count: int) -> None:
        scene = Scene(place)
        scene.store.close()
        self.key, public = scene.keys["web1"], scene.public["web1"]
        self.names = [f"made{number:05d}" for number in range(count)]
        self.public = public
        self.id = "20261125T120000Z-0123abcd"
        files = {"record.json": record(self.id), "pre.json.gz": self._look("pre"), "post.json.gz": self._look("post")}
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        self.manifest = Manifest(
            self.id, "post", tuple(DeliveredFile(n, digests[n], len(files[n])) for n in sorted(files))
        )
        self.pieces = [
            {"id": self.id, "name": n, "sha256": digests[n], "offset": 0, "data": base64.b64encode(files[n]).decode()}
            for n in sorted(files)
        ]

    @staticmethod
    def _look(phase: str) -> bytes:
        plain = json.loads(gzip.decompress(snapshot(phase=phase)))
        text = base64.b64encode(os.urandom(_BODY)).decode()  # does not compress below _BODY
        plain["readings"] = {"file:/made": {"status": "ok", "text": text}}
        return gzip.compress(json.dumps(plain).encode(), compresslevel=1)

    def signed(self, purpose: str, host: str, body: dict[str, Any]) -> dict[str, str]:
        """As a minion sends it."""
        text = json.dumps({"host": host, **body})
        return {"text": text, "signature": sign(self.key, purpose, host, text)}

    def announcement(self, host: str) -> dict[str, str]:
        """Its only transaction."""
        return self.signed(ANNOUNCEMENT, host, {"announcement": {"id": self.id, "digest": self.manifest.digest}})

    def answer(self, host: str, nonce: str, request: dict[str, Any]) -> dict[str, str]:
        """To one question."""
        body: dict[str, Any] = {
            "nonce": nonce,
            "confirmed": [[*pair, True] for pair in request.get("confirm", [])],
            "errors": {},
        }
        if request.get("index"):
            body["waiting"] = []
        if request.get("records"):
            body |= {"manifests": {self.id: to_plain(self.manifest)}, "pieces": self.pieces}
        return self.signed(ANSWER, host, body)


def deliver_all(fleet: Fleet, hosts: MadeHosts, store: FleetStore) -> dict[str, object]:
    """Announce everything, answer every question, until all is stored: how long, and what it cost the engine."""
    import salt.config
    import salt.utils.event

    opts = salt.config.master_config(str(fleet.master.configuration / "master"))
    keys = Path(opts["pki_dir"]) / "minions"
    for name in hosts.names:
        (keys / name).write_bytes(hosts.public)
    announcements = {name: hosts.announcement(name) for name in hosts.names}
    assert fleet.master.process is not None
    tree = processes(fleet.master.process.pid)
    engines = [pid for pid, title in tree.items() if "bootkeep_store" in title] or list(tree)
    with salt.utils.event.get_master_event(opts, opts["sock_dir"], listen=True) as bus:
        _answer_job(bus, _until_the_engine_listens(bus), hosts)
        before, started = cpu_s(engines), time.monotonic()
        for name, data in announcements.items():
            bus.fire_event({"id": name, "data": data}, f"bootkeep/txn/{hosts.id}/post")
        looked = time.monotonic()
        stored = 0
        while stored < len(hosts.names) and time.monotonic() - started < 1800:
            event = bus.get_event(wait=1, full=True)
            if event and event["tag"].endswith("/new") and event["data"].get("fun") == "bootkeep_fleet.exchange":
                _answer_job(bus, event["data"], hosts)
            if time.monotonic() - looked > 1:
                looked, stored = time.monotonic(), store.counts()["records"]
    took = time.monotonic() - started
    return {
        "hosts": len(hosts.names), "stored": store.counts()["records"], "seconds": round(took, 1),
        "records_a_second": round(len(hosts.names) / took, 1),
        "engine_cpu_ms_a_record": round(1000 * (cpu_s(engines) - before) / len(hosts.names), 2),
        "engine_found": len(engines) < len(tree),
    }  # fmt: skip


def _until_the_engine_listens(bus: Any) -> dict[str, Any]:
    """It asks every minion for its list when it is told to: the first job shows that it hears us."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        bus.fire_event({}, "bootkeep/reconcile")
        event = bus.get_event(wait=1, full=True)
        while event is not None:
            if event["tag"].endswith("/new") and event["data"].get("fun") == "bootkeep_fleet.exchange":
                job: dict[str, Any] = event["data"]
                return job
            event = bus.get_event(wait=1, full=True)
    raise RuntimeError("the engine does not hear the bus")


def _answer_job(bus: Any, job: dict[str, Any], hosts: MadeHosts) -> None:
    request = job["arg"][0]
    for name, asked in request["hosts"].items():
        answer = hosts.answer(name, request["nonce"], asked)
        bus.fire_event(
            {"id": name, "jid": job["jid"], "return": answer, "success": True}, f"salt/job/{job['jid']}/ret/{name}"
        )


def nothing_reactor(root: Path, events: int) -> dict[str, object]:
    """The same bus with a reactor that does nothing: processor time of its process for each event."""
    root.mkdir()
    (root / "nothing.sls").write_text(_NOTHING, encoding="utf-8")
    fleet = new_fleet(root / "fleet", engines=[], reactor=[{"bench/*": [str(root / "nothing.sls")]}])
    fleet.master.start()
    try:
        fleet.wait_for_master()
        time.sleep(5)
        import salt.config
        import salt.utils.event

        opts = salt.config.master_config(str(fleet.master.configuration / "master"))
        assert fleet.master.process is not None
        memory = pss_mib(fleet.master.process.pid)
        tree = processes(fleet.master.process.pid)
        reactors = [pid for pid, title in tree.items() if "Reactor" in title] or list(tree)
        before = cpu_s(reactors)
        with salt.utils.event.get_master_event(opts, opts["sock_dir"], listen=False) as bus:
            for number in range(events):
                bus.fire_event({"n": number}, f"bench/{number}")
        last = -1.0
        while (now := cpu_s(reactors)) - last > 0.05:
            last = now
            time.sleep(2)
        cost = round(1000 * (now - before) / events, 2)
        return {"events": events, "reactor_cpu_ms_an_event": cost, "master_pss_mib_without_bootkeep": memory}
    finally:
        fleet.stop()


def measure(hosts: int, events: int) -> list[dict[str, object]]:
    """All rows; each is printed as soon as it is there."""
    rows: list[dict[str, object]] = []

    def keep(what: str, values: dict[str, object]) -> None:
        rows.append({"what": what, **values})
        sys.stdout.write(json.dumps(rows[-1]) + "\n")
        sys.stdout.flush()

    root = scratch_folder("bench")
    try:
        keep("a reactor that does nothing", nothing_reactor(root / "nothing", events))
        with postgres_server() as postgres:
            for count in sorted({max(50, hosts // 100), max(50, hosts // 10), hosts}):
                for kind in ("sqlite", "postgresql"):
                    place = root / f"{kind}{count}"
                    place.mkdir()
                    dsn = postgres if kind == "postgresql" else ""
                    keep(f"announced to stored, {kind}", _one(place, count, dsn))
                    if kind == "postgresql":
                        _empty(postgres)
    finally:
        remove(root)
    return rows


def _one(place: Path, count: int, dsn: str) -> dict[str, object]:
    fleet = new_fleet(place / "fleet", dsn=dsn, reactor=[])
    (place / "keys").mkdir()
    made = MadeHosts(place / "keys", count)
    fleet.master.start()
    try:
        fleet.wait_for_master()
        time.sleep(5)
        store = FleetStore.open(str(fleet.master.options["bootkeep"]["dsn"]))
        assert fleet.master.process is not None
        values = {"master_pss_mib": pss_mib(fleet.master.process.pid)} | deliver_all(fleet, made, store)
        started = time.monotonic()
        store.hosts()
        values["hosts_read_s"] = round(time.monotonic() - started, 2)
        store.close()
        file = place / "fleet" / "master" / "fleet" / "fleet.sqlite"
        return values | ({"store_mib": round(file.stat().st_size / 1024 / 1024, 1)} if file.exists() else {})
    finally:
        fleet.stop()


def _empty(dsn: str) -> None:
    folder = dsn.partition("host=")[2]
    drop = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"
    subprocess.run(["psql", "-q", "-h", folder, "-U", "bootkeep", "postgres", "-c", drop], check=True, timeout=60)  # noqa: TID251


def main() -> int:
    """Print a row of JSON for each measurement."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hosts", type=int, default=5000)
    parser.add_argument("--events", type=int, default=2000)
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))  # daemons and folders go on the way out
    rows = measure(wanted.hosts, wanted.events)
    return 0 if all(row.get("stored", 0) == row.get("hosts", 0) for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
