"""``make fleet-demo``: a real master, minions in disposable Debian, EL and SLES hosts, a highstate, transactions, captures, pages.

    python -m bootkeep.lab.fleet_demo [--only deb --only el] [--quick] [--out out/fleet]

Everything is done as an administrator would: ``salt '*' state.highstate`` on the master, ``apt-get``, ``dpkg``, ``dnf``, ``zypper``
and ``rpm`` on the hosts. Every line of the summary is looked at in the master's store; what did not arrive ends with exit code 1.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.clock import now_utc
from bootkeep.facts.errors import BootkeepError
from bootkeep.fleet.pages import write_pages
from bootkeep.fleet.store import FleetStore
from bootkeep.fleet.store_pages import StorePages
from bootkeep.fleet.upkeep import verify_store
from bootkeep.lab.claims import Chapter
from bootkeep.lab.demonstration import Progress
from bootkeep.lab.fleet_captures import captures, start_missed
from bootkeep.lab.fleet_clean import cleaned, traces
from bootkeep.lab.fleet_hosts import (
    FAMILIES,
    FleetHost,
    ask,
    fleet_host,
    images,
    in_own_namespaces,
    master_of_checkout,
    protected,
    until_they_answer,
)
from bootkeep.lab.salt_daemons import Fleet, remove, scratch_folder

#: A record that has not arrived after so many seconds counts as missing.
_ARRIVE_S = 300.0


@dataclass(frozen=True, slots=True)
class Timed:
    """One transaction on its way: seconds from its end."""

    host: str
    manager: str
    what: str
    id: str
    confirmed: float  # the host has the master's word that the record, as it is, is stored
    reported: float  # its report is in the master's store
    verdict: str
    summary: str

    def line(self) -> str:
        """For a person."""
        times = f"{self.confirmed:6.1f}  {self.reported:6.1f}"
        return f"{self.host:<6} {self.manager:<7} {self.what:<31} {times}  {self.verdict:<7} {self.summary}"


def main() -> int:
    """In a network namespace of its own; exit code 1 when something did not arrive."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=[family.prefix for family in FAMILIES], action="append", help="these hosts")
    parser.add_argument("--quick", action="store_true", help="transactions and pages only: no captures, no removal")
    parser.add_argument("--out", type=Path, default=Path("out/fleet"), help="where the pages go")
    parser.add_argument("--cache", type=Path, default=Path(".cache"), help="where the built hosts are kept")
    options = parser.parse_args()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, _end)
    progress = Progress()
    families = tuple(family for family in FAMILIES if not options.only or family.prefix in options.only)
    cache = options.cache.absolute()
    root = Path()
    try:
        built = images(families, cache, progress)
        in_own_namespaces("bootkeep.lab.fleet_demo")
        root = scratch_folder("fleet")
        with contextlib.ExitStack() as stack:
            fleet = master_of_checkout(root)
            stack.callback(fleet.stop)
            progress("starting the master")
            fleet.master.start()
            fleet.wait_for_master()
            hosts = {}
            for family in families:
                progress(f"starting {family.prefix}1: systemd, {family.provider}, a Salt minion")
                host = stack.enter_context(fleet_host(family, 1, built[family.prefix], fleet, cache / "work"))
                hosts[host.name] = host
            return _demonstrate(fleet, hosts, options.out.absolute(), progress, quick=options.quick)
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


def _demonstrate(
    fleet: Fleet, hosts: dict[str, FleetHost], out: Path, progress: Progress, *, quick: bool = False
) -> int:
    names = list(hosts)
    until_they_answer(fleet, names)
    untouched = {name: traces(host) for name, host in hosts.items()}
    chapters = [_what_they_are(fleet, hosts), _highstate(fleet, hosts, progress)]
    database = FleetStore.open(str(fleet.master.options["bootkeep"]["dsn"]))
    try:
        told = _at_once(hosts, database, progress)
        if not quick:
            missed = start_missed(hosts, progress)
            chapters.append(captures(fleet, hosts, database, missed, progress))
        wrong = _summary(told, database, hosts, out, progress)
        if not quick:
            chapters.append(cleaned(fleet, hosts, untouched, progress))
    finally:
        database.close()
    for chapter in chapters:
        sys.stdout.write("\n".join(["", *chapter.lines()]) + "\n")
    sys.stdout.write(f"\n{progress.seconds:.0f} s\n")
    return 1 if wrong or any(chapter.wrong for chapter in chapters) else 0


def _what_they_are(fleet: Fleet, hosts: dict[str, FleetHost]) -> Chapter:
    """What Salt takes them for, and which of its modules works their packages."""
    chapter = Chapter("what Salt takes the hosts for")
    grains = ask(fleet, list(hosts), "grains.item", "os", "osrelease", "os_family", timeout_s=60)
    providers = ask(fleet, list(hosts), "test.provider", "pkg", timeout_s=60)
    for name, host in hosts.items():
        found = grains.get(name) or {}
        family, provider = found.get("os_family"), providers.get(name)
        said = f"{found.get('os')} {found.get('osrelease')}, os_family {family}, pkg by {provider}"
        chapter.claim(f"{name}: {said}", (family, provider) == (host.family.os_family, host.family.provider))
    return chapter


def _highstate(fleet: Fleet, hosts: dict[str, FleetHost], progress: Progress) -> Chapter:
    progress(f"salt -L {','.join(hosts)} state.highstate")
    chapter = Chapter("salt '*' state.highstate")
    for name, done in protected(fleet, hosts, progress).items():
        said = f"{name}: {done.rows} states, {done.changed} changed, {len(done.failed)} failed"
        chapter.claim(said, bool(done.rows) and not done.failed, "\n".join(done.failed))
    return chapter


def _at_once(hosts: dict[str, FleetHost], database: FleetStore, progress: Progress) -> list[Timed]:
    """The transactions of all hosts. Somebody's Ctrl-C ends what runs in the hosts, and so the threads that wait for it."""
    ending = threading.Event()
    with ThreadPoolExecutor(len(hosts)) as pool:
        running = [pool.submit(_transactions, host, database, progress, ending) for host in hosts.values()]
        try:
            return [one for told in running for one in told.result()]
        except BaseException:
            ending.set()
            for host in hosts.values():
                host.host.stop()
            raise


def _transactions(host: FleetHost, database: FleetStore, progress: Progress, ending: threading.Event) -> list[Timed]:
    """Each transaction, and how long it takes to the master."""
    told: list[Timed] = []
    for manager, what, command in host.family.transactions:
        if ending.is_set():
            break
        before = set(host.store.transaction_ids())
        progress(f"{host.name}: {what}")
        done = host.host.run(["sh", "-c", f"exec {command}"])
        ended = time.monotonic()
        if done.exit_code != 0:
            progress(f"{host.name}: {what}: exit code {done.exit_code}: {(done.stdout + done.stderr)[-400:]}")
        told.append(_on_its_way(host, database, (manager, what), before, ended, ending))
    return told


def _on_its_way(
    host: FleetHost,
    database: FleetStore,
    words: tuple[str, str],
    before: set[str],
    ended: float,
    ending: threading.Event,
) -> Timed:
    """Wait until the host has the master's word for the whole record (``Store.is_delivered``), and until it has its report."""
    id, confirmed, reported = "", -1.0, -1.0
    while time.monotonic() - ended < _ARRIVE_S and (confirmed < 0 or reported < 0) and not ending.is_set():
        store = host.store
        id = id or next(iter(sorted(set(store.transaction_ids()) - before)[-1:]), "")
        if id and _over(host, id):
            row = database.transaction(host.name, id)
            after = time.monotonic() - ended
            if confirmed < 0 and row is not None and row.outcome != "open" and store.is_delivered(id):
                confirmed = after
            if (
                reported < 0
                and row is not None
                and row.outcome != "open"
                and row.reported == row.digest
                and row.summary
            ):
                reported = after
        time.sleep(0.1)
    row = database.transaction(host.name, id) if id else None
    verdict, summary = (row.verdict, row.summary) if row else ("", "NOT ON RECORD")
    return Timed(host.name, *words, id, confirmed, reported, verdict, summary)


def _over(host: FleetHost, id: str) -> bool:
    """Whether the host's own record has its end: an earlier state that has arrived is not what is waited for."""
    with contextlib.suppress(BootkeepError, OSError):
        return host.store.load_transaction(id).outcome.value != "open"
    return False


def _not_there(host: FleetHost, database: FleetStore) -> list[str]:
    return [id for id in host.store.transaction_ids() if database.transaction(host.name, id) is None]


def _summary(
    told: list[Timed], database: FleetStore, hosts: dict[str, FleetHost], out: Path, progress: Progress
) -> bool:
    progress("pages")
    shutil.rmtree(out, ignore_errors=True)
    written = write_pages(StorePages(database, now=now_utc()), out, now=now_utc())
    lines = [
        "",
        "Seconds from the end of a transaction until the host has the master's word that the whole record is stored, and until",
        "the master has its report. The hosts work at the same time on this machine's cores.",
        "",
        f"{'host':<6} {'manager':<7} {'transaction':<31} stored  report  verdict what happened",
        *(one.line() for one in told),
    ]
    missing = sum(len(_not_there(host, database)) for host in hosts.values())
    late = sum(1 for one in told if one.reported < 0 or one.confirmed < 0)
    verified = verify_store(database)
    runbooks = sum(1 for row in database.hosts() if row.runbook)
    refused = sum(row.times for row in database.refusals())
    count = database.counts()["transactions"]
    lines += [
        "",
        f"{verified.hosts} hosts, {count} transactions, {verified.records} records, {runbooks} runbooks",
        f"{missing} missing, {late} late, {len(verified.problems)} problems, {refused} refused",
        f"{written.written} pages: {out / 'index.html'}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
    return bool(missing or late or verified.problems or runbooks < len(hosts))


if __name__ == "__main__":
    sys.exit(main())
