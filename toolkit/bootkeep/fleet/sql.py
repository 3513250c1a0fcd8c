"""The few things in which the databases differ, and what every text passes before it goes into one."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, Table
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
    maker = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    keys = [column.name for column in table.primary_key]
    statement = maker(table).values(**values)
    changed = {name: statement.excluded[name] for name in values if name not in keys and name not in keep}
    if replace and changed:
        statement = statement.on_conflict_do_update(index_elements=keys, set_=changed)
    else:
        statement = statement.on_conflict_do_nothing()
    # Not rowcount: psycopg says -1 for both.
    return connection.execute(statement.returning(*table.primary_key)).first() is not None


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
