"""Looking after the store: is everything in it whole, what may go, and a copy of it that needs no database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from bootkeep.edges.files import private_folder, replace_file
from bootkeep.edges.retention import TRANSACTION_ID
from bootkeep.facts.codec import from_json, to_json
from bootkeep.facts.delivery import Manifest
from bootkeep.facts.errors import BootkeepError, StoreError
from bootkeep.fleet.database import refused_by_database
from bootkeep.fleet.limits import HOST, Limits, NotAccepted, checked_manifest, understood
from bootkeep.fleet.reporting import lay_out
from bootkeep.fleet.rows import TransactionRow
from bootkeep.fleet.store import FleetStore

#: No record can be older than this.
_CLOCK_SET = "2020-01-01"
#: More days than anybody keeps, and a number that a calendar takes.
_DAYS_MOST = 365_000.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Verified:
    """What :func:`verify_store` looked at, and what is wrong."""

    hosts: int
    records: int
    bodies: int
    problems: tuple[str, ...]


def verify_store(store: FleetStore, say: Say = lambda _line: None) -> Verified:
    """Read everything again: each record's manifest, each body's digest, each file parsed; the newest record of a transaction
    is the one that its row names. Problems are sentences."""
    problems: list[str] = []
    problems += _database_check(store)
    hosts = store.hosts()
    records = bodies = 0
    for host in hosts:
        say(host.host)
        newest: dict[str, str] = {}
        seen: set[str] = set()
        for row in store.records(host.host):
            records += 1
            newest[row.id] = row.digest
            try:
                manifest = checked_manifest(json.loads(row.manifest), row.id, Limits())
            except (NotAccepted, ValueError) as error:
                problems.append(f"{host.host} {row.id}: its manifest is damaged: {error}")
                continue
            if manifest.digest != row.digest:
                problems.append(f"{host.host} {row.id}: its manifest is not the one with its digest")
            problems += _record_problems(store, host.host, manifest, seen)
        bodies += len(seen)
        for transaction in store.transactions(host=host.host):
            agreed = newest.get(transaction.id, transaction.digest) == transaction.digest
            if not agreed and not _names_newest(store, host.host, transaction.id):
                problems.append(f"{host.host} {transaction.id}: its row does not name its newest record")
    return Verified(len(hosts), records, bodies, tuple(problems))


def _names_newest(store: FleetStore, host: str, id: str) -> bool:
    """Asked once more, of this transaction alone: a master that works may have stored another state since the list was read."""
    for _attempt in range(3):
        row, records = store.transaction(host, id), store.records(host, id)
        if row is None or not records or row.digest == records[-1].digest:
            return True
    return False


def _database_check(store: FleetStore) -> list[str]:
    if store.engine.dialect.name != "sqlite":
        return []  # PostgreSQL checks its pages itself
    with refused_by_database(store.engine, "be checked"), store.engine.connect() as connection:
        reader = connection.execution_options(readonly=True)
        said = [str(row[0]) for row in reader.execute(text("PRAGMA quick_check"))]
    return [] if said == ["ok"] else [f"SQLite: {line}" for line in said]


def _record_problems(store: FleetStore, host: str, manifest: Manifest, seen: set[str]) -> list[str]:
    found: list[str] = []

    def body(sha256: str) -> bytes:
        content = store.body(host, sha256)
        seen.add(sha256)
        if content is None:
            raise NotAccepted("missing", f"the body {sha256[:16]} is not in the store")
        if hashlib.sha256(content).hexdigest() != sha256:
            raise NotAccepted("wrong digest", f"the body {sha256[:16]} is damaged")
        return content

    try:
        understood(manifest, body, Limits())
    except NotAccepted as error:
        found.append(f"{host} {manifest.id}: {error}")
    return found


@dataclass(frozen=True, slots=True)
class Kept:
    """How much the store keeps. Each host's newest transaction always stays, and so do open ones."""

    days: float = 800.0
    transactions: int = 5000  # of one host
    bytes: int = 0  # of one host's bodies; 0: as many as the intake takes


@dataclass(frozen=True, slots=True)
class Collected:
    """What :func:`collect_garbage` removed."""

    transactions: int
    bytes: int
    hosts: tuple[str, ...]  # those of which something went


def collect_garbage(store: FleetStore, kept: Kept, *, now: str, dry_run: bool = False) -> Collected:
    """Remove the oldest transactions beyond what is kept, and bodies that nothing names; hosts stay, with their runbooks."""
    oldest = (_moment(now) - timedelta(days=min(kept.days, _DAYS_MOST))).strftime("%Y-%m-%dT%H:%M:%SZ")
    count = freed = 0
    touched: list[str] = []
    for host in store.hosts():
        rows = list(store.transactions(host=host.host))
        sizes = _own_sizes(store, host.host) if kept.bytes else {}
        gone: list[str] = []
        used = 0
        for number, row in enumerate(rows):
            used += sizes.get(row.id, 0)
            too_much = number >= kept.transactions or (kept.bytes > 0 and used > kept.bytes)
            if number > 0 and row.outcome != "open" and (too_much or _age_from(row) < oldest):
                gone.append(row.id)
                used -= sizes.get(row.id, 0)
        if not dry_run:
            with store.writing() as writer:
                freed += writer.forget_transactions(host.host, gone) if gone else writer.drop_unnamed_bodies(host.host)
                if past := [id for id in gone if id.partition("-")[0] <= now.replace("-", "").replace(":", "")]:
                    writer.let_go(host.host, max(past))
        count += len(gone)
        touched += [host.host] if gone else []
    if not dry_run:
        with store.writing() as writer:
            writer.forget_captures(oldest)
    return Collected(count, freed, tuple(touched))


def _age_from(row: TransactionRow) -> str:
    """Since when a transaction is old. A clock that nobody had set must not make it go with the next run, or never."""
    day = row.started_at[:10]
    return row.started_at if _CLOCK_SET <= day <= row.first_stored_at[:10] else row.first_stored_at


def _own_sizes(store: FleetStore, host: str) -> dict[str, int]:
    """Bytes that each transaction's files take; a file that several name counts for the newest."""
    counted: set[str] = set()
    sizes: dict[str, int] = {}
    for row in reversed(store.records(host)):
        for file in from_json(Manifest, row.manifest, where=row.id).files:
            if file.sha256 not in counted:
                counted.add(file.sha256)
                sizes[row.id] = sizes.get(row.id, 0) + file.size
    return sizes


def export(store: FleetStore, folder: Path, *, hosts: tuple[str, ...] = (), say: Say = lambda _line: None) -> int:
    """Write hosts (all, when none is named) as plain files: each host's records as its own store lays them out, its row and
    its runbooks. ``bootkeep report --store FOLDER/HOST`` reads them. How many transactions. Raises BootkeepError, OSError."""
    known = {row.host: row for row in store.hosts()}
    wanted = hosts or tuple(sorted(known))
    if missing := sorted(set(wanted) - set(known)):
        raise StoreError(
            f"there is no host {', '.join(missing)}",
            where="the fleet's store",
            next_step="'bootkeep fleet status' lists them.",
        )
    if folder.exists() and any(folder.iterdir()):
        raise BootkeepError("the folder is not empty", where=str(folder), next_step="Name a new one.")
    count = 0
    private_folder(folder)
    for host in wanted:
        if not HOST.match(host):  # what a damaged database names must not lead out of the folder
            continue
        say(host)
        place = private_folder(folder / host)
        replace_file(place / "host.json", to_json(asdict(known[host]), indent=1).encode("ascii") + b"\n")
        for id in _stored_ids(store, host):
            lay_out(store, host, id, place)
            count += 1
        for runbook in store.runbooks(host):
            content = store.runbook_text(host, runbook.document_id) or ""
            replace_file(
                private_folder(place / "runbooks") / f"{Path(runbook.document_id).name}.txt",
                content.encode("ascii", "replace"),
            )
    return count


def _stored_ids(store: FleetStore, host: str) -> Iterator[str]:
    for id in sorted({row.id for row in store.records(host)}):
        if TRANSACTION_ID.match(id):
            yield id


def _moment(now: str) -> datetime:
    return datetime.strptime(now, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
