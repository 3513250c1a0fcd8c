"""The few things in which the databases differ, and what every text passes before it goes into one."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, Table, bindparam
from sqlalchemy.dialects import postgresql, sqlite

from bootkeep.facts.errors import NotUnderstood

#: A longer text from a host is cut: no sentence of ours is as long.
TEXT_LIMIT = 4000


def upsert(
    connection: Connection, table: Table, values: Mapping[str, Any], *, keep: tuple[str, ...] = (), replace: bool = True
) -> bool:
    """Insert a row, or replace what its primary key has already, except the columns ``keep``; whether anything was written.

    ``replace=False`` leaves a row that is there as it is.
    """
    statement = _upsert(table, connection.dialect.name, tuple(values), keep, replace)
    # Not rowcount: psycopg says -1 for both.
    return connection.execute(statement, dict(values)).first() is not None


@lru_cache(maxsize=128)
def _upsert(table: Table, dialect: str, names: tuple[str, ...], keep: tuple[str, ...], replace: bool) -> Any:
    """The statement, made once: to build it costs ten times what the database does with it."""
    maker = postgresql.insert if dialect == "postgresql" else sqlite.insert
    keys = [column.name for column in table.primary_key]
    statement = maker(table).values({name: bindparam(name) for name in names})
    changed = {name: statement.excluded[name] for name in names if name not in keys and name not in keep}
    if replace and changed:
        statement = statement.on_conflict_do_update(index_elements=keys, set_=changed)
    else:
        statement = statement.on_conflict_do_nothing()
    return statement.returning(*table.primary_key)


def clean(text: str, limit: int = TEXT_LIMIT) -> str:
    """A text that both databases take: odd bytes as escapes, no NUL, not longer than ``limit``."""
    plain = text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"


def pack(content: bytes) -> bytes:
    """Compressed, the same content always to the same bytes."""
    return gzip.compress(content, compresslevel=6, mtime=0)


def unpack(content: bytes, *, limit: int, where: str) -> bytes:
    """What :func:`pack` or a host compressed. Raises NotUnderstood for what is no gzip, or grows beyond ``limit`` bytes."""
    try:
        with gzip.open(io.BytesIO(content), "rb") as stream:
            plain = stream.read(limit + 1)
    except (OSError, EOFError, ValueError) as error:
        raise NotUnderstood(f"it is no gzip: {error}", where=where) from error
    if len(plain) > limit:
        raise NotUnderstood(f"it unpacks to more than {limit} bytes", where=where)
    return plain


def row_values(row: Row[Any]) -> dict[str, Any]:
    """A row's columns by name, JSON lists as tuples."""
    values = dict(row._mapping)
    if "phases" in values:
        values["phases"] = tuple(json.loads(values["phases"]))
    return values
