"""Ways out of the fleet's store: what goes takes along what only it named, and the host's share is counted anew."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select, update

from bootkeep.fleet.statements import HOLD, changed
from bootkeep.fleet.tables import ALERTS, BODIES, CAPTURES, CHANGES, HOSTS, RECORDS, REPORTS, TRANSACTIONS, VERDICTS

#: Ids in one statement: SQLite takes 32,766 values in one, in some builds.
_AT_ONCE = 500


class Removing:
    """The removing half of :class:`bootkeep.fleet.writing.Writer`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._seen: set[tuple[str, str]] = set()
        self._grown: dict[tuple[str, str], int] = {}  # host, column -> bytes that came

    def hold(self, host: str) -> None:
        """Wait until nobody else writes what is this host's, and keep others waiting until the end of this transaction.

        What is removed must not be named by a record that is stored in the same moment. SQLite has one writer at a time anyway.
        """
        self._connection.execute(HOLD, {"host": host})

    def forget_transactions(self, host: str, ids: Iterable[str]) -> int:
        """Remove transactions with their records, and the contents that no other record of the host names; freed bytes."""
        self.hold(host)
        # Named table by table: PostgreSQL and SQLite both cascade, but only where foreign keys are switched on.
        tables: tuple[Table, ...] = (REPORTS, CHANGES, VERDICTS, RECORDS, ALERTS, TRANSACTIONS)
        for part in _parts(list(ids)):
            for table in tables:
                self._connection.execute(delete(table).where(table.c.host == host, table.c.id.in_(part)))
        return self.drop_unnamed_bodies(host)

    def let_go(self, host: str, until: str) -> None:
        """What the host still lists of this transaction's time and before is not to be fetched again."""
        later = HOSTS.c.let_go < until
        self._connection.execute(update(HOSTS).where(HOSTS.c.host == host, later).values(let_go=until))

    def forget_captures(self, before: str) -> int:
        """Remove the looks that were done or failed before a moment; how many."""
        over = CAPTURES.c.state.in_(("done", "failed"))
        return int(self._connection.execute(delete(CAPTURES).where(over, CAPTURES.c.done_at < before)).rowcount)

    def drop_unnamed_bodies(self, host: str) -> int:
        """Remove contents that no record of the host names; freed bytes."""
        self.hold(host)
        named: set[str] = set()
        for text in self._connection.execute(select(RECORDS.c.manifest).where(RECORDS.c.host == host)).scalars():
            named.update(str(file["sha256"]) for file in json.loads(text)["files"])
        freed = 0
        rows = self._connection.execute(select(BODIES.c.sha256, BODIES.c.size).where(BODIES.c.host == host)).all()
        for row in rows:
            if row.sha256 not in named:
                self._connection.execute(delete(BODIES).where(BODIES.c.host == host, BODIES.c.sha256 == row.sha256))
                freed += row.size
        self.count_share(host)
        return freed

    def count_share(self, host: str) -> None:
        """Count anew what a host takes: what was replaced and what went is in the running count still."""
        for column in [key for key in self._grown if key[0] == host]:
            del self._grown[column]
        parts = (
            (RECORDS, func.length(RECORDS.c.manifest)),
            (VERDICTS, func.length(VERDICTS.c.findings)),
            (REPORTS, func.length(REPORTS.c.content)),
            (ALERTS, func.length(ALERTS.c.text)),
            (CHANGES, func.length(CHANGES.c.subject) + func.length(CHANGES.c.sentence)),
        )
        other = sum(self._total(host, table, size) for table, size in parts)
        self._update_host(host, bytes=self._total(host, BODIES, BODIES.c.size), other_bytes=other)

    def _update_host(self, host: str, **values: object) -> None:
        self._connection.execute(changed(tuple(values)), {"this": host, **values})

    def _total(self, host: str, table: Table, size: ColumnElement[Any]) -> int:
        wanted = select(func.coalesce(func.sum(size), 0)).where(table.c.host == host)
        return int(self._connection.execute(wanted).scalar_one())


def _parts(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]
