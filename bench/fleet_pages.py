"""The fleet's pages and store by number of hosts: time, bytes, and how a browser feels. ``python -m bench.fleet_pages``.

The fleet is made up (bootkeep.lab.made_fleet), 50 transactions a host on the pages, 10 in the store. Only the newest
``REPORTS`` of them have a report's page: each costs the same, and ``report_ms`` says what. A line of JSON for each
measurement, as soon as it is there.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from bootkeep.facts.finding import Evidence, Finding, Judgement, Severity, Verdict
from bootkeep.facts.fleet_overview import FleetTransaction
from bootkeep.facts.transaction import Action, Caller, Outcome, PackageChange, Transaction, TransactionStep
from bootkeep.fleet.pages import write_pages
from bootkeep.fleet.rows import HostStatus
from bootkeep.fleet.store import FleetStore
from bootkeep.fleet.store_pages import StorePages
from bootkeep.lab.chromium import chromium
from bootkeep.lab.made_fleet import MadeFleet, made_report
from bootkeep.lab.postgres import postgres_server
from bootkeep.reports.html import render_html

NOW = "2026-11-24T12:00:00Z"
HOSTS = (100, 1000, 5000)
EACH = 50
#: Transactions a host in the store: it is filled one by one, as the intake does it.
STORED = 10
REPORTS = 1000
Row = dict[str, object]
T = TypeVar("T")


def pages(hosts: int, *, each: int = EACH, browse: bool = True) -> Row:
    """Write the pages of a made-up fleet; then again with nothing new, and with one more transaction."""
    with tempfile.TemporaryDirectory(prefix="bootkeep-bench-") as folder:
        root = Path(folder) / "site"
        fleet = MadeFleet(hosts, each, reports=REPORTS)
        first, done = _timed(lambda: write_pages(fleet, root, now=NOW))
        nothing, _ = _timed(lambda: write_pages(fleet, root, now=NOW))
        one = max(fleet.transactions(), key=lambda it: it.started_at)
        report, _ = _timed(lambda: [render_html(made_report(one)) for _ in range(100)])
        fleet.add(replace(one, id="20261124T115900Z-00000001", started_at="2026-11-24T11:59:00Z"))
        more, written = _timed(lambda: write_pages(fleet, root, now=NOW))
        row: Row = {
            "what": "pages", "hosts": hosts, "transactions": hosts * each, "first_s": first, "files": done.written,
            "site_mib": round(done.bytes_written / 2**20, 1), "nothing_new_s": nothing, "one_more_s": more,
            "one_more_files": written.written, "report_ms": round(report * 10, 2),
            "overview_kib": (root / "index.html").stat().st_size // 1024, "peak_mib": _peak_mib(),
        }  # fmt: skip
        return row | (browser(root) if browse else {})


def browser(root: Path) -> Row:
    """How long a person waits in Chromium, with the pages opened from the disk."""
    with chromium() as one:
        one.size(1400, 900)
        one.open(f"file://{root}/index.html")
        loads = sorted(one.open(f"file://{root}/index.html") for _ in range(5))
        find = "const f = document.getElementById('find'); f.value = '{}'; f.dispatchEvent(new Event('input'));"
        keys = sorted(one.timed(find.format(text)) for text in ("d", "db", "db n", "db no", "db no-", "db no-go", ""))
        sort = one.timed("document.querySelectorAll('#lines thead button')[2].click();")
        timeline = one.open(f"file://{root}/timeline.html")
        started = time.monotonic()
        one.run(
            "document.getElementById('find').value = 'sshd_config web'; document.getElementById('search').requestSubmit()"
        )
        one.wait("/^\\d+ transactions?(?!.*searching)/.test(document.getElementById('told').textContent)", 120)
        whole = time.monotonic() - started
        answers = one.run("document.getElementById('told').textContent")
    return {
        "load_s": round(loads[2], 3), "keystroke_ms": round(keys[3], 1), "keystroke_worst_ms": round(keys[-1], 1),
        "sort_ms": round(sort, 1), "timeline_s": round(timeline, 3), "search_all_s": round(whole, 3), "found": answers,
    }  # fmt: skip


def store(hosts: int, *, dsn: str, each: int = STORED) -> Row:
    """Fill a store with the same fleet, each transaction with verdict and report; then plan its pages from it."""
    fleet = MadeFleet(hosts, each)
    with contextlib.closing(FleetStore.open(dsn)) as there:
        filled, _ = _timed(lambda: _fill(there, fleet))
        # What the pages read of it on every run; drawing them is measured above.
        source = StorePages(there, now=NOW)
        read, _ = _timed(lambda: len(source.hosts()) + sum(1 for _ in source.transactions()))
        size = _size(there, dsn)
    number = hosts * each
    return {
        "what": "store", "database": dsn.partition(":")[0], "hosts": hosts, "transactions": number,
        "fill_s": filled, "per_transaction_ms": round(filled * 1000 / number, 2), "read_all_s": read,
        "store_mib": round(size / 2**20, 1), "bytes_per_transaction": size // number, "peak_mib": _peak_mib(),
    }  # fmt: skip


def changed(hosts: int, *, each: int = 2) -> Row:
    """Pages from a store of SQLite: the whole, then with nothing new, then with one more transaction; by count and by time."""
    fleet = MadeFleet(hosts, each)
    with (
        tempfile.TemporaryDirectory(prefix="bootkeep-bench-") as folder,
        contextlib.closing(FleetStore.open(f"sqlite:///{folder}/fleet.sqlite")) as there,
    ):
        _fill(there, fleet)
        root = Path(folder) / "site"
        first, whole = _timed(lambda: write_pages(StorePages(there, now=NOW), root, now=NOW))
        nothing, same = _timed(lambda: write_pages(StorePages(there, now=NOW), root, now=NOW))
        last = max(fleet.transactions(), key=lambda it: it.started_at)
        one = replace(last, id="20261124T115900Z-00000001", started_at="2026-11-24T11:59:00Z")
        with there.writing() as writer:
            writer.save_transaction(one.host, _record(one), {"post": _verdict(one)}, digest="e" * 64, now=NOW)
            writer.save_report(one.host, one.id, made_report(one), digest="e" * 64, now=NOW)
        more, grown = _timed(lambda: write_pages(StorePages(there, now=NOW), root, now=NOW))
    return {
        "what": "pages by what changed", "hosts": hosts, "transactions": hosts * each, "whole_s": first,
        "whole_read": whole.read, "whole_pages": whole.planned, "nothing_new_s": nothing, "nothing_new_read": same.read,
        "nothing_new_pages": same.planned, "one_more_s": more, "one_more_read": grown.read, "one_more_pages": grown.planned,
        "one_more_written": grown.written,
    }  # fmt: skip


def _fill(there: FleetStore, fleet: MadeFleet) -> None:
    by_host: dict[str, list[FleetTransaction]] = {}
    for one in fleet.transactions():
        by_host.setdefault(one.host, []).append(one)
    for host in fleet.hosts():
        with there.writing() as writer:
            for one in by_host.get(host.id, []):
                digest = one.digest
                writer.save_transaction(
                    host.id, _record(one), {"post": _verdict(one)}, digest=digest, now=one.stored_at
                )
                writer.save_report(host.id, one.id, made_report(one), digest=digest, now=one.stored_at)
            text = fleet.runbook(host.id) or ""
            writer.save_runbook(host.id, "RB-1A2B3C4D", text, generated_at=NOW, fingerprint="{}", now=NOW)
            status = HostStatus(system=host.system, running_kernel=host.running, runbook_state="FRESH")
            writer.save_status(host.id, status, NOW)


def _record(one: FleetTransaction) -> Transaction:
    names = one.command.split()[3:]
    changes = tuple(PackageChange(name, "amd64", "1.2-3", "1.2-4", Action.UPGRADE) for name in names)
    caller = Caller(one.manager, 1, 1, "boot", tuple(one.command.split()), one.user)
    step = TransactionStep(changes, one.started_at, one.ended_at)
    return Transaction(one.id, caller, Outcome(one.outcome), "", one.started_at, one.ended_at, (step,), ("pre", "post"))


def _verdict(one: FleetTransaction) -> Verdict:
    if one.verdict == "GO":
        return Verdict(Judgement.GO, ())
    words = one.verdict_sentence.partition(": ")[2]
    severity = Severity.AT_RISK if one.verdict == "NO-GO" else Severity.UNKNOWN
    finding = Finding("boot-space-low", "B05", severity, words, (Evidence("df /boot", words),))
    return Verdict(Judgement(one.verdict), (finding,))


def _size(there: FleetStore, dsn: str) -> int:
    if dsn.startswith("sqlite"):
        path = Path(dsn.removeprefix("sqlite:///"))
        return sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*"))
    with there.engine.connect() as connection:
        return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    started = time.monotonic()
    result = work()
    return round(time.monotonic() - started, 3), result


def _peak_mib() -> int:
    """Of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main(arguments: Iterable[str]) -> int:
    """Measure, a line for each."""
    parser = argparse.ArgumentParser(prog="python -m bench.fleet_pages", description=__doc__)
    parser.add_argument("--hosts", type=int, nargs="+", default=list(HOSTS))
    parser.add_argument("--only", choices=("pages", "changed", "sqlite", "postgresql"))
    options = parser.parse_args(list(arguments))
    for hosts in options.hosts:
        if options.only in (None, "pages"):
            _say(pages(hosts))
        if options.only in (None, "changed"):
            _say(changed(hosts))
        if options.only in (None, "sqlite"):
            with tempfile.TemporaryDirectory(prefix="bootkeep-bench-") as folder:
                _say(store(hosts, dsn=f"sqlite:///{folder}/fleet.sqlite"))
        if options.only in (None, "postgresql"):
            with postgres_server() as dsn:
                _say(store(hosts, dsn=dsn))
    return 0


def _say(row: Row) -> None:
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
