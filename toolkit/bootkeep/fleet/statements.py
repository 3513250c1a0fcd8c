"""Statements that the intake runs for every record, made once: to build one costs more than the database does with it."""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import Update, bindparam, func, select, text, update

from bootkeep.fleet.tables import BODIES, HOSTS, RECORDS, TRANSACTIONS

#: The greatest number of a change; and what makes two writers of PostgreSQL commit theirs in order.
LAST_CHANGE = select(func.coalesce(func.max(TRANSACTIONS.c.change), 0))
IN_ORDER = text("SELECT pg_advisory_xact_lock(7116171)")
#: Whether exactly this record is stored.
RECORD_THERE = select(RECORDS.c.number).where(
    RECORDS.c.host == bindparam("host"), RECORDS.c.id == bindparam("id"), RECORDS.c.digest == bindparam("digest")
)
#: One host; the same, held until the transaction ends; what tells when transactions were; (id, digest)
#: of one transaction's records; its newest manifest; which of these contents are stored.
HOST_ROW = select(HOSTS).where(HOSTS.c.host == bindparam("host"))
HOLD = select(HOSTS.c.host).where(HOSTS.c.host == bindparam("host")).with_for_update()
DIGESTS_OF = select(RECORDS.c.id, RECORDS.c.digest).where(
    RECORDS.c.host == bindparam("host"), RECORDS.c.id == bindparam("id")
)
MOMENTS = select(
    TRANSACTIONS.c.id, TRANSACTIONS.c.boot_id, TRANSACTIONS.c.start_ticks, TRANSACTIONS.c.first_stored_at
).where(TRANSACTIONS.c.host == bindparam("host"), TRANSACTIONS.c.id.in_(bindparam("ids", expanding=True)))
NEWEST_MANIFEST = (
    select(RECORDS.c.manifest)
    .where(RECORDS.c.host == bindparam("host"), RECORDS.c.id == bindparam("id"))
    .order_by(RECORDS.c.number.desc())
    .limit(1)
)
BODIES_THERE = select(BODIES.c.sha256).where(
    BODIES.c.host == bindparam("host"), BODIES.c.sha256.in_(bindparam("digests", expanding=True))
)


@lru_cache(maxsize=64)
def changed(columns: tuple[str, ...]) -> Update:
    """Set these columns of the host ``this``; values by the columns' names."""
    return update(HOSTS).where(HOSTS.c.host == bindparam("this")).values({name: bindparam(name) for name in columns})


@lru_cache(maxsize=16)
def grown(names: tuple[str, ...]) -> Update:
    """Add ``more_bytes`` to the column bytes of the host ``this``, and so on."""
    more = {name.removeprefix("more_"): HOSTS.c[name.removeprefix("more_")] + bindparam(name) for name in names}
    return update(HOSTS).where(HOSTS.c.host == bindparam("this")).values(more)
