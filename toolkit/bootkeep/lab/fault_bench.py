"""A fleet of one host under faults: transactions are made on it, and counted on the master by the packages that they changed."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.run import run
from bootkeep.edges.spool import Spool
from bootkeep.facts.codec import from_json
from bootkeep.facts.delivery import Manifest
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.transaction import Transaction
from bootkeep.fleet.store import FleetStore
from bootkeep.fleet.upkeep import verify_store
from bootkeep.lab.chroot import LabError, checked
from bootkeep.lab.demonstration import Progress
from bootkeep.lab.fleet_hosts import FleetHost
from bootkeep.lab.salt_daemons import Fleet

#: Seconds for all records to arrive once everything runs again.
_ARRIVE_S = 600.0
_CONTROL = (
    "Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: lab <lab@localhost>\nDescription: number {number}\n"
)


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the transactions of one fault."""

    fault: str
    made: int  # packages that were installed, each by a transaction of its own
    unseen: int  # of them those whose record has no hook's look: found by the safety net
    stored: int  # packages that a record in the master's store names
    twice: int  # packages that two records name, and records that are there twice
    unconfirmed: int  # the host still waits for the master's word
    seconds: float  # from the end of the fault until all were stored and confirmed
    fault_seconds: float  # of the fault itself
    note: str = ""

    @property
    def lost(self) -> int:
        """Made and not stored."""
        return self.made - self.stored

    @property
    def bad(self) -> int:
        """What may not be."""
        return self.lost + self.twice + self.unconfirmed

    @staticmethod
    def head() -> str:
        """The table's head."""
        return f"{'fault':<36} {'made':>4} {'stored':>6} {'lost':>4} {'twice':>5} {'waits':>5} {'fault s':>7} {'then s':>6}  note"

    def line(self) -> str:
        """A row."""
        counts = f"{self.made:>4} {self.stored:>6} {self.lost:>4} {self.twice:>5} {self.unconfirmed:>5}"
        unseen = f"{self.unseen} found by the safety net; " if self.unseen else ""
        return f"{self.fault:<36} {counts} {self.fault_seconds:>7.0f} {self.seconds:>6.0f}  {unseen}{self.note}"


class Bench:
    """The running fleet."""

    def __init__(self, fleet: Fleet, host: FleetHost, say: Progress) -> None:
        self.fleet, self.host, self.say = fleet, host, say
        self.number = 0
        self.made: list[str] = []
        self._began = time.monotonic()
        self._read: dict[tuple[str, str], Transaction] = {}

    @property
    def name(self) -> str:
        """The host's."""
        return self.host.name

    @property
    def dsn(self) -> str:
        """Of the master's store."""
        return str(self.fleet.master.options["bootkeep"]["dsn"])

    def make(self, count: int, *, pause: float = 0.0, environment: dict[str, str] | None = None) -> None:
        """Let so many transactions happen: dpkg installs a package of its own in each."""
        for _ in range(count):
            self.number += 1
            name = f"made-{self.number}"
            self._package(name)
            done = self.host.host.run(["dpkg", "-i", f"/srv/made/{name}.deb"], environment=environment, timeout_s=120)
            checked(done, f"installing {name}")
            self.made.append(name)
            time.sleep(pause)

    def _package(self, name: str) -> None:
        target = self.host.host.path("/srv/made")
        target.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="bootkeep-made-") as folder:
            control = Path(folder) / "DEBIAN" / "control"
            control.parent.mkdir(mode=0o755)
            control.write_text(_CONTROL.format(name=name, number=self.number), encoding="ascii")
            deb = Path(folder) / f"{name}.deb"
            checked(run(["dpkg-deb", "-Znone", "-b", folder, str(deb)], timeout_s=30), f"packing {name}")
            shutil.copy(deb, target / deb.name)

    # --- daemons ------------------------------------------------------------------------------------------------------

    def minion(self, verb: str) -> None:
        """``systemctl start`` or ``stop`` of the minion, or ``kill``: SIGKILL to all its processes; systemd starts it again."""
        words = ["kill", "--kill-who=all", "--signal=KILL"] if verb == "kill" else [verb]
        self.host.host.must(["systemctl", *words, "salt-minion"], timeout_s=120)

    def file_up(self, folder: Path) -> Path:
        """Write a file until the file system of ``folder`` is full; the file."""
        ballast = folder / "ballast"
        with ballast.open("ab") as stream, contextlib.suppress(OSError):
            while True:
                os.write(stream.fileno(), b"\0" * 4096)
        return ballast

    # --- the count ----------------------------------------------------------------------------------------------------

    def tally(self, fault: str, note: str = "") -> Tally:
        """Wait until all have arrived and were confirmed, and count. The next fault starts from nothing."""
        ended = time.monotonic()
        database = FleetStore.open(self.dsn)
        try:
            until = ended + _ARRIVE_S
            waiting = self._waiting()
            while time.monotonic() < until and (waiting or self._missing(database)):
                time.sleep(1.0)
                waiting = self._waiting()
            took = time.monotonic() - ended
            named = self._named(database)
            problems = verify_store(database).problems
            states = Counter((row.id, row.digest) for row in database.records(self.name))
        finally:
            database.close()
        wanted = set(self.made)
        twice = sum(1 for name in wanted if named[name] > 1) + sum(1 for count in states.values() if count > 1)
        stored = sum(1 for name in wanted if named[name])
        unseen = sum(
            1 for one in self._read.values() for change in one.changes if one.hook_missed and change.name in wanted
        )
        said = "; ".join(part for part in (note, *problems[:2]) if part)
        tally = Tally(
            fault, len(wanted), unseen, stored, twice, len(waiting), took, ended - self._began, said
        )  # fmt: skip
        self.made.clear()
        self._began = time.monotonic()
        return tally

    def _waiting(self) -> tuple[str, ...]:
        try:
            return Spool(self.host.store).waiting()
        except BootkeepError as error:
            raise LabError(f"the host's store cannot be read: {error}", where=self.name, next_step="Look.") from error

    def _missing(self, database: FleetStore) -> bool:
        """Whether a package that was installed stands in no record of an ended transaction yet."""
        named = self._named(database)
        return any(not named[name] for name in self.made)

    def _named(self, database: FleetStore) -> Counter[str]:
        """How many ended transactions of the store name each package; each record is read once."""
        newest = {row.id: row for row in database.records(self.name)}
        for id, row in newest.items():
            if (id, row.digest) not in self._read:
                for old in [key for key in self._read if key[0] == id]:
                    del self._read[old]
                manifest = from_json(Manifest, row.manifest, where=id)
                digest = next(file.sha256 for file in manifest.files if file.name == "record.json")
                self._read[id, row.digest] = from_json(Transaction, database.body(self.name, digest) or b"", where=id)
        return Counter(
            change.name
            for one in self._read.values()
            if one.outcome.value != "open"
            for change in {change.name: change for change in one.changes}.values()
        )
