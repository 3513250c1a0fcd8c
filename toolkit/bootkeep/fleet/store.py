"""The fleet's store: everything that hosts delivered, and what was made of it.

Writing goes through :meth:`FleetStore.writing`, one database transaction for as many calls as the caller likes; reading
through the methods themselves. Both raise StoreError for what the database refuses.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Select, Table, func, select

from bootkeep.facts.codec import from_json
from bootkeep.facts.delivery import Manifest
from bootkeep.fleet.database import migrate, open_database, refused_by_database, require_schema
from bootkeep.fleet.rows import (
    AlertRow,
    CaptureRow,
    ChangeRow,
    HostRow,
    RecordRow,
    RefusalRow,
    RunbookRow,
    TransactionRow,
    VerdictRow,
)
from bootkeep.fleet.sql import row_values, unpack
from bootkeep.fleet.statements import BODIES_THERE, DIGESTS_OF, HOST_ROW, NEWEST_MANIFEST
from bootkeep.fleet.tables import (
    ALERTS,
    BODIES,
    CAPTURES,
    CHANGES,
    HOSTS,
    RECORDS,
    REFUSALS,
    REPORTS,
    RUNBOOKS,
    TRANSACTIONS,
    VERDICTS,
)
from bootkeep.fleet.writing import Writer
from bootkeep.reports.document import Report

R = TypeVar("R")
#: A report or a runbook unpacks to at most this much.
_DOCUMENT_LIMIT = 64 * 1024 * 1024
#: Rows that are fetched at a time: a fleet's timeline does not fit into memory at once.
_PAGE = 1000


class FleetStore:
    """The store in one database."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, dsn: str, *, upgrade: bool = True) -> FleetStore:
        """The store that a DSN names; its schema is made or brought up to date.

        Without ``upgrade`` nothing is made or changed, and another schema is an error. Raises StoreError, OSError.
        """
        engine = open_database(dsn)
        try:
            migrate(engine) if upgrade else require_schema(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    def close(self) -> None:
        """Let all connections go."""
        self.engine.dispose()

    @contextlib.contextmanager
    def writing(self) -> Iterator[Writer]:
        """One database transaction: all of it is in the store when the body ends, or nothing."""
        with refused_by_database(self.engine, "be written"), self.engine.begin() as connection:
            writer = Writer(connection)
            yield writer
            writer.finish()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Connection]:
        with refused_by_database(self.engine, "be read"), self.engine.connect() as connection:
            yield connection.execution_options(readonly=True)

    # --- hosts --------------------------------------------------------------------------------------------------------

    def hosts(self) -> tuple[HostRow, ...]:
        """All hosts, by id."""
        return tuple(self._rows(HostRow, select(HOSTS).order_by(HOSTS.c.host)))

    def host(self, host: str) -> HostRow | None:
        """One host."""
        return self._one(HostRow, HOST_ROW, {"host": host})

    # --- transactions -------------------------------------------------------------------------------------------------

    def transactions(
        self,
        *,
        host: str = "",
        since: str = "",
        until: str = "",
        before: str = "",
        stored_since: str = "",
        limit: int = 0,
        newest_first: bool = True,
    ) -> Iterator[TransactionRow]:
        """Transactions by their start; of one host, of a time, before another's id, stored since. Rows come a page at a time."""
        wanted = select(TRANSACTIONS)
        for value, clause in (
            (host, TRANSACTIONS.c.host == host),
            (since, TRANSACTIONS.c.started_at >= since),
            (until, TRANSACTIONS.c.started_at < until),
            (before, TRANSACTIONS.c.id < before),
            (stored_since, TRANSACTIONS.c.stored_at >= stored_since),
        ):
            if value:
                wanted = wanted.where(clause)
        keys = (TRANSACTIONS.c.started_at, TRANSACTIONS.c.id, TRANSACTIONS.c.host)
        wanted = wanted.order_by(*(key.desc() if newest_first else key.asc() for key in keys))
        return self._rows(TransactionRow, wanted.limit(limit) if limit else wanted)

    def last_change(self) -> tuple[int, int]:
        """The greatest number of a change so far (:meth:`changed_since`), and how many transactions there are."""
        with self._reading() as connection:
            number, count = connection.execute(
                select(func.coalesce(func.max(TRANSACTIONS.c.change), 0), func.count()).select_from(TRANSACTIONS)
            ).one()
            return int(number), int(count)

    def changed_since(self, change: int) -> Iterator[TransactionRow]:
        """Transactions that came or changed after that one, whatever the clock says."""
        return self._rows(TransactionRow, select(TRANSACTIONS).where(TRANSACTIONS.c.change > change))

    def changes_since(self, since: str, classes: tuple[str, ...]) -> Iterator[tuple[str, ChangeRow]]:
        """Changes of these classes in transactions that began at ``since`` or later, each with that beginning."""
        names = [CHANGES.c[field.name] for field in fields(ChangeRow)]
        wanted = (
            select(TRANSACTIONS.c.started_at, *names)
            .join(CHANGES, (CHANGES.c.host == TRANSACTIONS.c.host) & (CHANGES.c.id == TRANSACTIONS.c.id))
            .where(TRANSACTIONS.c.started_at >= since, TRANSACTIONS.c.weakened > 0, CHANGES.c.change_class.in_(classes))
            .order_by(TRANSACTIONS.c.started_at, TRANSACTIONS.c.id, TRANSACTIONS.c.host, CHANGES.c.number)
        )
        with self._reading() as connection:
            for row in connection.execute(wanted):
                values = dict(row._mapping)
                yield values.pop("started_at"), ChangeRow(**values)

    def transaction(self, host: str, id: str) -> TransactionRow | None:
        """One transaction."""
        wanted = select(TRANSACTIONS).where(TRANSACTIONS.c.host == host, TRANSACTIONS.c.id == id)
        return self._one(TransactionRow, wanted)

    def verdicts(self, host: str, id: str) -> tuple[VerdictRow, ...]:
        """Every verdict of a transaction, by phase."""
        wanted = select(VERDICTS).where(VERDICTS.c.host == host, VERDICTS.c.id == id).order_by(VERDICTS.c.phase)
        return tuple(self._rows(VerdictRow, wanted))

    def changes(self, host: str, id: str) -> tuple[ChangeRow, ...]:
        """What a transaction changed, the most urgent first."""
        wanted = select(CHANGES).where(CHANGES.c.host == host, CHANGES.c.id == id).order_by(CHANGES.c.number)
        return tuple(self._rows(ChangeRow, wanted))

    def hosts_with(self, same: str) -> tuple[str, ...]:
        """Hosts to which the same change happened (:attr:`ChangeRow.same`)."""
        with self._reading() as connection:
            found = connection.execute(
                select(CHANGES.c.host).distinct().where(CHANGES.c.same == same).order_by(CHANGES.c.host)
            )
            return tuple(found.scalars())

    def report(self, host: str, id: str) -> Report | None:
        """The report of a transaction, as it was made last; None until it was."""
        with self._reading() as connection:
            row = connection.execute(
                select(REPORTS.c.content).where(REPORTS.c.host == host, REPORTS.c.id == id)
            ).scalar_one_or_none()
        where = f"report of {host} {id}"
        return None if row is None else from_json(Report, unpack(row, limit=_DOCUMENT_LIMIT, where=where), where=where)

    def unreported(self, limit: int = 200, *, stored_until: str = "") -> tuple[tuple[str, str], ...]:
        """(host, id) of ended transactions whose newest record has no report yet, in the order of storing."""
        wanted = (
            select(TRANSACTIONS.c.host, TRANSACTIONS.c.id)
            .where(TRANSACTIONS.c.reported != TRANSACTIONS.c.digest, TRANSACTIONS.c.outcome != "open")
            .order_by(TRANSACTIONS.c.stored_at)
            .limit(limit)
        )
        wanted = wanted.where(TRANSACTIONS.c.stored_at <= stored_until) if stored_until else wanted
        with self._reading() as connection:
            return tuple((row.host, row.id) for row in connection.execute(wanted))

    # --- records ------------------------------------------------------------------------------------------------------

    def records(self, host: str = "", id: str = "") -> tuple[RecordRow, ...]:
        """Delivered states, in the order of storing."""
        wanted = select(RECORDS).order_by(RECORDS.c.number)
        wanted = wanted.where(RECORDS.c.host == host) if host else wanted
        return tuple(self._rows(RecordRow, wanted.where(RECORDS.c.id == id) if id else wanted))

    def count_records(self, host: str) -> int:
        """How many states of transactions this host has delivered."""
        with self._reading() as connection:
            wanted = select(func.count()).select_from(RECORDS).where(RECORDS.c.host == host)
            return int(connection.execute(wanted).scalar_one())

    def digests(self, host: str) -> set[tuple[str, str]]:
        """(id, digest) of everything that this host has delivered."""
        with self._reading() as connection:
            rows = connection.execute(select(RECORDS.c.id, RECORDS.c.digest).where(RECORDS.c.host == host))
            return {(row.id, row.digest) for row in rows}

    def digests_of(self, host: str, id: str) -> set[tuple[str, str]]:
        """(id, digest) of the delivered states of one transaction."""
        with self._reading() as connection:
            return {(row.id, row.digest) for row in connection.execute(DIGESTS_OF, {"host": host, "id": id})}

    def file_digests(self, host: str, id: str) -> set[str]:
        """Digests of the files of a transaction's newest record."""
        with self._reading() as connection:
            manifest = connection.execute(NEWEST_MANIFEST, {"host": host, "id": id}).scalars().first()
        return {file.sha256 for file in from_json(Manifest, manifest, where=id).files} if manifest else set()

    def bodies_there(self, host: str, digests: set[str]) -> set[str]:
        """Which of these contents of a host are in the store."""
        found: set[str] = set()
        wanted = sorted(digests)
        with self._reading() as connection:
            for start in range(0, len(wanted), 500):
                part = wanted[start : start + 500]
                found |= set(connection.execute(BODIES_THERE, {"host": host, "digests": part}).scalars())
        return found

    def body(self, host: str, sha256: str) -> bytes | None:
        """One content of a host."""
        with self._reading() as connection:
            content: bytes | None = connection.execute(
                select(BODIES.c.content).where(BODIES.c.host == host, BODIES.c.sha256 == sha256)
            ).scalar_one_or_none()
            return content

    # --- runbooks, captures, alerts, refusals -------------------------------------------------------------------------

    def runbooks(self, host: str = "") -> tuple[RunbookRow, ...]:
        """Runbooks, each host's newest first."""
        wanted = select(*(RUNBOOKS.c[field.name] for field in fields(RunbookRow)))
        wanted = wanted.where(RUNBOOKS.c.host == host) if host else wanted
        return tuple(self._rows(RunbookRow, wanted.order_by(RUNBOOKS.c.host, RUNBOOKS.c.generated_at.desc())))

    def runbook_text(self, host: str, document_id: str = "") -> str | None:
        """The text of a runbook, the newest when no id is given; ASCII. None when there is none."""
        wanted = select(RUNBOOKS.c.content).where(RUNBOOKS.c.host == host)
        wanted = wanted.where(RUNBOOKS.c.document_id == document_id) if document_id else wanted
        with self._reading() as connection:
            row = connection.execute(wanted.order_by(RUNBOOKS.c.generated_at.desc()).limit(1)).scalar_one_or_none()
        if row is None:
            return None
        return unpack(row, limit=_DOCUMENT_LIMIT, where=f"runbook of {host}").decode("ascii", "replace")

    def captures(self, state: str = "") -> tuple[CaptureRow, ...]:
        """Looks that were asked for, oldest first; those in one state when it is given."""
        wanted = select(CAPTURES).order_by(CAPTURES.c.number)
        return tuple(self._rows(CaptureRow, wanted.where(CAPTURES.c.state == state) if state else wanted))

    def alerts(self, *, untold: bool = False) -> tuple[AlertRow, ...]:
        """Alerts, oldest first; only those that nobody was told of when ``untold``."""
        wanted = select(ALERTS).order_by(ALERTS.c.number)
        return tuple(self._rows(AlertRow, wanted.where(ALERTS.c.told_at == "") if untold else wanted))

    def refusals(self) -> tuple[RefusalRow, ...]:
        """What was turned away, by sender."""
        return tuple(self._rows(RefusalRow, select(REFUSALS).order_by(REFUSALS.c.sender, REFUSALS.c.why)))

    def counts(self) -> dict[str, int]:
        """How many rows each table has."""
        tables: tuple[Table, ...] = (
            HOSTS,
            TRANSACTIONS,
            RECORDS,
            BODIES,
            REPORTS,
            RUNBOOKS,
            CAPTURES,
            ALERTS,
            REFUSALS,
        )
        with self._reading() as connection:
            return {
                table.name: int(connection.execute(select(func.count()).select_from(table)).scalar_one())
                for table in tables
            }

    def _rows(self, kind: type[R], wanted: Select[Any], values: Mapping[str, object] | None = None) -> Iterator[R]:
        names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
        paged = {"yield_per": _PAGE}
        with self._reading() as connection, connection.execution_options(**paged).execute(wanted, values) as result:
            for row in result:
                yield kind(**{name: value for name, value in row_values(row).items() if name in names})

    def _one(self, kind: type[R], wanted: Select[Any], values: Mapping[str, object] | None = None) -> R | None:
        found = tuple(self._rows(kind, wanted, values))
        return found[0] if found else None
