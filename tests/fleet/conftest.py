"""The fleet's store on both databases: SQLite in a private file, and a real PostgreSQL server that lives for the session."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from bootkeep.fleet.database import open_database
from bootkeep.fleet.store import FleetStore
from bootkeep.lab.postgres import postgres_server

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """DSN of a running server."""
    with postgres_server() as dsn:
        yield dsn


@pytest.fixture
def new_database(postgres: str) -> Iterator[str]:
    """DSN of an empty database on it."""
    name = f"fleet{next(_NUMBERS)}"
    engine = open_database(postgres)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    yield postgres.replace("/postgres?", f"/{name}?")


@pytest.fixture(params=["sqlite", "postgresql"])
def dsn(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'fleet' / 'fleet.sqlite'}"
    found: str = request.getfixturevalue("new_database")
    return found


@pytest.fixture
def store(dsn: str) -> Iterator[FleetStore]:
    """A store with its schema."""
    store = FleetStore.open(dsn)
    yield store
    store.close()
