"""Faults on a real master and real minions: after each, every transaction is stored, and each once.

    python -m bootkeep.lab.fleet_faults [--small] [--only NAME]

What is asked of the daemons is real; the transactions are records that the store's own code writes where a hook would have
(lab/made_records.py). Each fault prints one line: how many were made, stored, lost, and duplicated.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.run import run
from bootkeep.edges.store import Store
from bootkeep.facts.errors import StoreError
from bootkeep.facts.reading import Snapshot
from bootkeep.fleet.store import FleetStore
from bootkeep.fleet.upkeep import verify_store
from bootkeep.lab.chroot import checked
from bootkeep.lab.made_records import make_record, one_look
from bootkeep.lab.salt_daemons import Fleet, new_fleet, scratch_folder

#: Seconds for all records to arrive once everything runs again: the master asks one host at a time, on a busy machine.
_ARRIVE_S = 1200.0


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the transactions of one fault."""

    fault: str
    made: int
    stored: int
    twice: int  # transactions with more than one row, or records stored twice
    unconfirmed: int  # the host still waits for the master's word
    seconds: float  # from the end of the fault until all were stored
    note: str = ""

    @property
    def lost(self) -> int:
        """Made and not stored."""
        return self.made - self.stored

    def line(self) -> str:
        """For a person."""
        counts = f"{self.made} made, {self.stored} stored, {self.lost} lost, {self.twice} twice"
        return f"{self.fault:<44} {counts}, {self.unconfirmed} unconfirmed; {self.seconds:.0f} s{self.note and '; ' + self.note}"


class Bench:
    """A running fleet with one minion whose store we write into."""

    def __init__(self, fleet: Fleet, look: Snapshot, name: str = "web1") -> None:
        self.fleet, self.look, self.name = fleet, look, name
        self.store = Store(fleet.store_of(name))
        self.made: list[str] = []
        self.number = 0

    def make(self, count: int, *, pause: float = 0.0, shift: float = 0.0) -> None:
        """Let so many transactions happen; ``shift`` moves their clock by seconds."""
        for _ in range(count):
            self.number += 1
            self.made.append(make_record(self.store, self.number, self.look, now=time.time() + shift).id)
            time.sleep(pause)

    def tally(self, fault: str, note: str = "") -> Tally:
        """Wait until all have arrived and were confirmed, and count. The next fault starts from nothing."""
        started = time.monotonic()
        database = FleetStore.open(str(self.fleet.master.options["bootkeep"]["dsn"]))
        try:
            wanted = set(self.made)
            until = started + _ARRIVE_S
            while time.monotonic() < until:
                there = {row.id for row in database.transactions(host=self.name) if row.outcome == "done"}
                waiting = [id for id in wanted if not self.store.is_delivered(id)]
                if wanted <= there and not waiting:
                    break
                time.sleep(0.5)
            took = time.monotonic() - started
            rows = Counter(row.id for row in database.transactions(host=self.name))
            states = Counter((row.id, row.digest) for row in database.records(self.name))
            twice = sum(1 for id in wanted if rows[id] > 1) + sum(
                1 for key, n in states.items() if key[0] in wanted and n > 1
            )
            stored = {row.id for row in database.transactions(host=self.name) if row.outcome == "done"} & wanted
            problems = verify_store(database).problems
        finally:
            database.close()
        waiting = [id for id in wanted if not self.store.is_delivered(id)]
        note = "; ".join(part for part in (note, *problems[:2]) if part)
        tally = Tally(fault, len(wanted), len(stored), twice, len(waiting), took, note)
        self.made.clear()
        return tally


def master_stopped(bench: Bench, count: int) -> str:
    """The master is down while transactions happen."""
    bench.fleet.master.stop()
    bench.make(count)
    bench.fleet.master.start()
    return ""


def minion_stopped(bench: Bench, count: int) -> str:
    """The minion is down while transactions happen."""
    minion = bench.fleet.minions[bench.name]
    minion.stop()
    bench.make(count)
    minion.start()
    return ""


def both_killed(bench: Bench, count: int) -> str:
    """SIGKILL for both daemons at random moments, while transactions happen and are being delivered."""
    draw = random.Random(20261125)  # noqa: S311 - the same moments in every run
    minion = bench.fleet.minions[bench.name]
    for number in range(count):
        bench.make(1, pause=draw.uniform(0.0, 1.0))
        victims = [bench.fleet.master, minion] if number % 2 else [minion, bench.fleet.master]
        for victim in victims:
            time.sleep(draw.uniform(0.0, 2.0))
            victim.kill()
        for victim in victims:
            victim.start()
        time.sleep(draw.uniform(2.0, 12.0))
    return f"{count} times"


def flooded(bench: Bench, count: int) -> str:
    """10,000 foreign events for which reactors are configured, while transactions happen."""
    events = 200 * count
    script = (
        "import sys, salt.config, salt.utils.event\n"
        "opts = salt.config.master_config(sys.argv[1])\n"
        "with salt.utils.event.get_master_event(opts, opts['sock_dir'], listen=False) as bus:\n"
        "    for number in range(int(sys.argv[2])):\n"
        "        bus.fire_event({'n': number}, 'bootkeep/stored/foreign/%d' % number)\n"
    )
    configuration = str(bench.fleet.master.configuration / "master")
    bench.make(count // 2)
    done = run(
        [sys.executable, "-W", "ignore", "-c", script, configuration, str(events)],
        timeout_s=300, environment={"PATH": os.environ.get("PATH", os.defpath)},
    )  # fmt: skip
    checked(done, "firing foreign events")
    bench.make(count - count // 2)
    return f"{events} foreign events"


def clock_back(bench: Bench, count: int) -> str:
    """The host's clock goes back an hour between two transactions."""
    bench.make(count // 2)
    bench.make(count - count // 2, shift=-3600.0)
    return "ids of an hour ago after those of now"


def disk_full_on_master(bench: Bench, count: int) -> str:
    """The file system of the master's store is full while transactions happen, and gets room again."""
    place = Path(bench.fleet.master.options["bootkeep"]["dsn"].partition("///")[2]).parent
    ballast = place / "ballast"
    with ballast.open("wb") as stream:
        written = 0
        try:
            while True:
                written += stream.write(b"\0" * 65536)
                stream.flush()
        except OSError:
            pass
    bench.make(count)
    time.sleep(15)
    ballast.unlink()
    return f"{written // 1024 // 1024} MiB of ballast"


def disk_full_on_host(bench: Bench, count: int) -> str:
    """The host's disk fills up: what the master has confirmed makes room, what it has not stays, and it is told."""
    bench.make(6)  # something that the master has, and that may go
    first = bench.tally("")
    ballast = bench.store.root.parent / "ballast"
    before = set(bench.store.transaction_ids())
    with ballast.open("wb") as stream:
        try:
            while True:
                stream.write(b"\0" * 65536)
                stream.flush()
        except OSError:
            pass
    refused = 0
    for _ in range(count):
        try:
            bench.make(1)
        except StoreError:
            refused += (
                1  # the hook's own answer to a full disk: it says so, and the catch-up finds the transaction later
            )
    gone = before - set(bench.store.transaction_ids())
    ballast.unlink()
    kept = "" if first.lost == 0 else f"{first.lost} lost BEFORE the disk was full, "
    return f"{kept}{len(gone)} confirmed ones made room, {refused} could not be recorded at all"


FAULTS: dict[str, tuple[str, Callable[[Bench, int], str], int]] = {
    "master": ("master stopped", master_stopped, 50),
    "minion": ("minion stopped", minion_stopped, 50),
    "kill": ("both killed -9 at random", both_killed, 20),
    "flood": ("reactor queue flooded", flooded, 50),
    "clock": ("clock set back an hour", clock_back, 20),
    "master-disk": ("disk full on the master", disk_full_on_master, 20),
    "host-disk": ("disk full on the host", disk_full_on_host, 20),
}


@contextmanager
def small_file_system(place: Path, mib: int) -> Iterator[None]:
    """A file system of its own below ``place``; goes away with this process's mount namespace at the latest."""
    place.mkdir(parents=True, mode=0o700)
    checked(
        run(["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=700", "bootkeep-lab", str(place)], timeout_s=20), "mount"
    )
    try:
        yield
    finally:
        run(["umount", "--lazy", str(place)], timeout_s=20)


@contextmanager
def bench(root: Path) -> Iterator[Bench]:
    """A master and a minion, each with its data on a small file system of its own."""
    fleet = new_fleet(
        root, reactor_worker_hwm=100,
        bootkeep={"dsn": f"sqlite:///{root / 'master-data' / 'fleet.sqlite'}", "limits": {"free": 1024 * 1024}},
    )  # fmt: skip
    store = root / "host-data" / "store"
    with small_file_system(root / "master-data", 400), small_file_system(root / "host-data", 120):
        sender = {"bootkeep_sender": {"interval": 0.3, "status_every": 30, "free_mib": 1}}
        fleet.add("web1", bootkeep_store=str(store), engines=[sender])
        try:
            fleet.master.start()
            fleet.wait_for_master()
            fleet.minions["web1"].start()
            fleet.wait_for_minions()
            yield Bench(fleet, one_look())
        finally:
            fleet.stop()


def run_faults(names: list[str], *, small: bool, root: Path) -> Iterator[Tally]:
    """One fault after the other on the same fleet."""
    with bench(root) as under_test:
        for name in names:
            title, fault, count = FAULTS[name]
            note = fault(under_test, max(4, count // 8) if small else count)
            yield under_test.tally(title, note)


def _end(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run them in a mount namespace of their own; exit code 1 when a record was lost or came twice."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer transactions, for a quick look")
    parser.add_argument("--only", choices=sorted(FAULTS), action="append", help="this fault; may be repeated")
    wanted = parser.parse_args()
    if os.environ.get("BOOTKEEP_OWN_MOUNTS") != "1":
        # Whatever ends this program, its file systems are gone with the namespace.
        again = [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            sys.executable,
            "-m",
            "bootkeep.lab.fleet_faults",
            *sys.argv[1:],
        ]
        os.execvpe(again[0], again, {**os.environ, "BOOTKEEP_OWN_MOUNTS": "1"})  # noqa: S606
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    root = scratch_folder("faults")
    bad = made = 0
    try:
        for tally in run_faults(wanted.only or list(FAULTS), small=wanted.small, root=root):
            sys.stdout.write(tally.line() + "\n")
            sys.stdout.flush()
            bad += tally.lost + tally.twice + tally.unconfirmed
            made += tally.made
    finally:
        shutil.rmtree(root, ignore_errors=True)
    sys.stdout.write(f"{made} transactions; lost, twice or unconfirmed: {bad}\n")
    return 1 if bad or not made else 0


if __name__ == "__main__":
    sys.exit(main())
