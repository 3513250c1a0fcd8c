"""``make fleet-demo``: a real master, real minions in disposable hosts, a highstate on all, transactions on each, pages.

    python -m bootkeep.lab.fleet_demo [--hosts N] [--out out/fleet]

Everything is done as an administrator would: ``salt '*' state.highstate`` on the master, ``apt-get`` and ``dpkg`` on the hosts.
The whole runs in a network namespace of its own: nothing listens on this machine, and nothing reaches it.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootkeep.edges.clock import now_utc
from bootkeep.edges.files import private_folder
from bootkeep.edges.store import Store
from bootkeep.facts.errors import BootkeepError
from bootkeep.fleet.pages import write_pages
from bootkeep.fleet.store import FleetStore
from bootkeep.fleet.store_pages import StorePages
from bootkeep.fleet.upkeep import verify_store
from bootkeep.lab.demonstration import CHECKOUT, Progress
from bootkeep.lab.host import DisposableHost, disposable_host
from bootkeep.lab.image import build
from bootkeep.lab.salt_daemons import Fleet, new_fleet, remove, scratch_folder
from bootkeep.lab.salt_python import staged

_UNIT = """[Unit]
Description=The Salt Minion
[Service]
ExecStart=/opt/salt/bin/python3 /usr/bin/salt-minion
KillMode=control-group
Restart=always
[Install]
WantedBy=multi-user.target
"""
#: What happens on each host: its name, and the command.
_APT = "apt-get -q -y -o Dpkg::Use-Pty=0 --no-install-recommends"
TRANSACTIONS = (
    ("raw dpkg -i", "dpkg -i /srv/archive/loose/hello_*-3_*.deb"),
    ("raw dpkg -P", "dpkg -P hello"),
    ("apt-get install", f"{_APT} install openssh-server"),
)


@dataclass(frozen=True, slots=True)
class Timed:
    """One transaction on its way: seconds from its end."""

    host: str
    what: str
    id: str
    stored: float
    reported: float
    verdict: str
    summary: str

    def line(self) -> str:
        """For a person."""
        times = f"stored {self.stored:5.1f}  reported {self.reported:5.1f}"
        return f"  {self.host}  {self.what:<16} {times}  {self.verdict:<7} {self.summary}"


def main() -> int:
    """In a network namespace of its own; exit code 1 when something did not arrive."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hosts", type=int, default=3, help="Debian hosts")
    parser.add_argument("--out", type=Path, default=Path("out/fleet"), help="where the pages go")
    parser.add_argument("--cache", type=Path, default=Path(".cache"), help="where the built host is kept")
    options = parser.parse_args()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, _end)
    progress = Progress()
    root = Path()
    try:
        image = build(options.cache.absolute(), staged(options.cache.absolute()), progress)
        if os.environ.get("BOOTKEEP_OWN_NETWORK") != "1":
            again = ["unshare", "--net", sys.executable, "-m", "bootkeep.lab.fleet_demo", *sys.argv[1:]]
            os.execvpe(again[0], again, {**os.environ, "BOOTKEEP_OWN_NETWORK": "1"})  # noqa: S606
        _loopback_up()
        root = scratch_folder("fleet")
        with contextlib.ExitStack() as stack:
            fleet = _master(root)
            stack.callback(fleet.stop)
            progress("starting the master")
            fleet.master.start()
            fleet.wait_for_master()
            hosts: dict[str, DisposableHost] = {}
            for number in range(1, options.hosts + 1):
                name = f"deb{number}"
                progress(f"starting {name}: Debian 12, systemd, apt, a Salt minion")
                host = disposable_host(
                    image, work=options.cache.absolute() / "work", binds={}, name=name, own_network=False
                )
                hosts[name] = stack.enter_context(host)
                _start_minion(hosts[name], name, fleet)
            return _demonstrate(fleet, hosts, options.out.absolute(), progress)
    except BootkeepError as error:
        sys.stderr.write(f"bootkeep: {error}\n")
        return 5
    except KeyboardInterrupt:
        sys.stderr.write("\nbootkeep: stopped; master and hosts are gone, nothing else was touched.\n")
        return 130
    finally:
        if root.name:
            remove(root)


def _end(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _loopback_up() -> None:
    """A new network namespace has a loopback interface that is down (netdevice(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: IFF_UP | IFF_RUNNING


def _master(root: Path) -> Fleet:
    """The checkout's formula, and its pillar with the delivery switched on."""
    pillar = private_folder(root / "pillar")
    (pillar / "top.sls").write_text("base: {'*': [bootkeep, delivery]}\n", encoding="utf-8")
    engine = {"interval": 0.3, "status_every": 60.0, "free_mib": 64}
    lookup = {"delivery": {"enabled": True, "engine": engine}}
    (pillar / "delivery.sls").write_text(json.dumps({"bootkeep": {"lookup": lookup}}), encoding="utf-8")
    return new_fleet(
        root, pillar_roots={"base": [str(pillar), str(CHECKOUT / "pillar")]}, timeout=30, gather_job_timeout=30
    )


def _start_minion(host: DisposableHost, name: str, fleet: Fleet) -> None:
    options = {
        "id": name, "master": "127.0.0.1", "master_port": fleet.master.options["ret_port"],
        "publish_port": fleet.master.options["publish_port"], "file_client": "remote", "log_level_logfile": "info",
        "acceptance_wait_time": 1, "random_reauth_delay": 1, "recon_default": 200, "recon_max": 1000,
    }  # fmt: skip
    host.must(["sh", "-c", "rm -rf /etc/salt/minion.d/*.conf /etc/salt/pki; mkdir -p /etc/salt/minion.d"])
    host.write("/etc/salt/minion", json.dumps(options), mode=0o640)
    host.write("/etc/hostname", name + "\n")
    host.write("/etc/systemd/system/salt-minion.service", _UNIT)
    host.must(["hostname", name])
    host.must(["systemctl", "daemon-reload"])
    host.must(["systemctl", "start", "salt-minion"])


def _demonstrate(fleet: Fleet, hosts: dict[str, DisposableHost], out: Path, progress: Progress) -> int:
    names = ",".join(hosts)
    _until_they_answer(fleet, hosts)
    progress(f"salt -L {names} state.highstate")
    states = _highstate(fleet, names)
    for name in hosts:
        said = states.get(name)
        rows: dict[str, Any] = said if isinstance(said, dict) else {}
        failed = [
            f"{key.split('_|-')[1]}: {row.get('comment')}" for key, row in rows.items() if row.get("result") is False
        ]
        changed = sum(1 for row in rows.values() if row.get("changes"))
        sys.stdout.write(
            f"{name}: highstate, {len(rows)} states, {changed} changed, {len(failed)} failed {failed or ''}\n"
        )
        if not rows:
            sys.stdout.write(f"  {str(states.get(name))[:1500]}\n")
    progress("waiting for the minions that the highstate restarted")
    time.sleep(8)
    _until_they_answer(fleet, hosts)
    database = FleetStore.open(str(fleet.master.options["bootkeep"]["dsn"]))
    try:
        with ThreadPoolExecutor(len(hosts)) as pool:
            told = [
                one
                for many in pool.map(lambda name: _transactions(hosts[name], name, database, progress), hosts)
                for one in many
            ]
        return _summary(told, database, hosts, out, progress)
    finally:
        database.close()


def _until_they_answer(fleet: Fleet, hosts: dict[str, DisposableHost]) -> None:
    until = time.monotonic() + 300
    while time.monotonic() < until:
        done = fleet.salt("-t", "20", "-L", ",".join(hosts), "test.ping", "--out=json", "--static", timeout_s=90)
        with contextlib.suppress(ValueError):
            if all(json.loads(done.stdout).get(name) is True for name in hosts):
                return
    raise BootkeepError("not every minion answers", where=", ".join(hosts), next_step=fleet.master.said(1500))


def _highstate(fleet: Fleet, names: str) -> dict[str, Any]:
    fleet.salt("-t", "120", "-L", names, "saltutil.sync_all", timeout_s=300)
    done = fleet.salt("-t", "900", "-L", names, "state.highstate", "--out=json", "--static", timeout_s=1200)
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise BootkeepError(
            "the highstate gave no answer", where="salt", next_step=(done.stdout + done.stderr)[-1500:]
        ) from None
    return found


def _transactions(host: DisposableHost, name: str, database: FleetStore, progress: Progress) -> list[Timed]:
    """Each transaction, and how long it takes to the master."""
    store = Store(host.path("/var/lib/bootkeep"))
    told = []
    for what, command in TRANSACTIONS:
        before = set(store.transaction_ids())
        progress(f"{name}: {what}")
        host.run(["sh", "-c", f"exec {command}"])
        ended = time.monotonic()
        (id,) = sorted(set(store.transaction_ids()) - before)[-1:] or ("",)
        stored = reported = -1.0
        while time.monotonic() - ended < 300 and reported < 0:
            row = database.transaction(name, id)
            if row is not None and row.outcome != "open":
                stored = stored if stored >= 0 else time.monotonic() - ended
                reported = time.monotonic() - ended if row.summary and row.reported == row.digest else -1.0
            time.sleep(0.1)
        row = database.transaction(name, id)
        verdict, summary = (row.verdict, row.summary) if row else ("", "")
        told.append(Timed(name, what, id, stored, reported, verdict, summary))
    return told


def _not_there(name: str, host: DisposableHost, database: FleetStore) -> list[str]:
    ids = Store(host.path("/var/lib/bootkeep")).transaction_ids()
    return [id for id in ids if database.transaction(name, id) is None]


def _summary(
    told: list[Timed], database: FleetStore, hosts: dict[str, DisposableHost], out: Path, progress: Progress
) -> int:
    progress("pages")
    shutil.rmtree(out, ignore_errors=True)
    written = write_pages(StorePages(database, now=now_utc()), out, now=now_utc())
    head = "from the end of a transaction to its record and its report on the master, in seconds:"
    lines = ["", head, *(one.line() for one in told)]
    waiting = {name: _not_there(name, host, database) for name, host in hosts.items()}
    missing = sum(len(ids) for ids in waiting.values()) + sum(1 for one in told if one.reported < 0)
    verified = verify_store(database)
    runbooks = sum(1 for row in database.hosts() if row.runbook)
    refused = sum(row.times for row in database.refusals())
    count = database.counts()["transactions"]
    lines += [
        f"{verified.hosts} hosts, {count} transactions, {verified.records} records, {runbooks} runbooks",
        f"{missing} missing, {len(verified.problems)} problems, {refused} refused",
        f"{written.written} pages: {out / 'index.html'}",
        f"{progress.seconds:.0f} s",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if missing or verified.problems or runbooks < len(hosts) else 0


if __name__ == "__main__":
    sys.exit(main())
