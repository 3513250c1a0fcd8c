"""The database under the fleet's store: SQLite in one private file by default, PostgreSQL by its DSN.

SQLite runs in WAL mode with full synchronisation: what was confirmed to a host survives a power cut. A writer takes the
write lock when it begins, so two writers wait for each other instead of failing half-way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from bootkeep.edges.files import folder_for, make_private
from bootkeep.facts.errors import StoreError

#: Where a master keeps its fleet unless told otherwise.
FLEET_ROOT = Path("/var/lib/bootkeep-fleet")
_MIGRATIONS = Path(__file__).parent / "migrations"
#: Seconds that a writer waits for another one.
_PATIENCE_S = 30


def default_dsn(root: Path = FLEET_ROOT) -> str:
    """The DSN of the embedded database below ``root``."""
    return f"sqlite:///{root / 'fleet.sqlite'}"


def open_database(dsn: str) -> Engine:
    """An engine for a DSN. Raises StoreError for one that is not understood; connects to nothing yet."""
    try:
        url = make_url(dsn)
        if url.get_backend_name() == "sqlite":
            return _sqlite(dsn, Path(url.database or ""))
        if url.get_backend_name() != "postgresql":
            raise StoreError(
                f"the store cannot be kept in {url.get_backend_name()}",
                where=_shown(dsn),
                next_step="Use sqlite:////path or postgresql+psycopg://user@host/name.",
            )
        if "+" not in url.drivername:
            url = url.set(drivername="postgresql+psycopg")
        return create_engine(url, pool_pre_ping=True, pool_size=3, max_overflow=5)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise StoreError(
            f"the store's DSN is not understood: {error}",
            where=_shown(dsn),
            next_step="Use sqlite:////path or postgresql+psycopg://user@host/name.",
        ) from error


def _sqlite(dsn: str, path: Path) -> Engine:
    if not path.is_absolute():
        raise StoreError(
            "the store needs an absolute path",
            where=dsn,
            next_step="Write it with four slashes: sqlite:////var/lib/...",
        )
    engine = create_engine(dsn, connect_args={"timeout": _PATIENCE_S})

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we begin our own transactions; the driver must not
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_PATIENCE_S * 1000}"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "do_connect")
    def _private(_dialect: object, _record: object, _arguments: object, _options: object) -> None:
        folder_for(path)
        # SQLite gives -wal and -shm the mode of the database itself.
        make_private(path)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        readonly = connection.get_execution_options().get("readonly", False)
        connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")

    return engine


@contextlib.contextmanager
def refused_by_database(engine: Engine, doing: str) -> Iterator[None]:
    """Turn what the database refuses into a StoreError that says what, where and what to do."""
    where = _shown(str(engine.url.render_as_string(hide_password=True)))
    try:
        yield
    except DBAPIError as error:
        said = str(error.orig).strip().splitlines()[0] if error.orig and str(error.orig).strip() else str(error)
        raise StoreError(f"the fleet's store could not {doing}: {said}", where=where, next_step=_step(said)) from error
    except SQLAlchemyError as error:
        raise StoreError(
            f"the fleet's store could not {doing}: {error}", where=where, next_step="Nothing was half-written."
        ) from error


def _step(said: str) -> str:
    """What to do about what the database says."""
    if any(words in said for words in ("no such table", "no such column", "does not exist")):
        return "Make or upgrade the schema: bootkeep fleet init."
    if "not a database" in said or "malformed" in said:
        return (
            "It is damaged: stop the master, move the file away, put back a copy of it or make a new one (bootkeep fleet init);"
            " the hosts deliver again what they still have."
        )
    if "is locked" in said:
        return "Something else is writing (gc, init, the intake): try again when it is done."
    return "Check free space, rights and that the database runs; nothing was half-written."


def require_schema(engine: Engine) -> None:
    """Pass when the store is there and has this bootkeep's schema; nothing is made or changed. Raises StoreError."""
    where = _shown(engine.url.render_as_string(hide_password=True))
    if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").exists():
        raise StoreError("there is no fleet's store", where=where, next_step="Make it: bootkeep fleet init.")
    there, wanted = schema_version(engine)
    if there != wanted:
        known = there < wanted  # revisions are numbered
        raise StoreError(
            f"the store has {f'schema {there}' if there else 'no schema'}, this bootkeep wants {wanted}",
            where=where,
            next_step="Make or upgrade the schema: bootkeep fleet init."
            if known
            else "A newer bootkeep made it: upgrade bootkeep on this master.",
        )


def _shown(dsn: str) -> str:
    """A DSN without its password."""
    try:
        return make_url(dsn).render_as_string(hide_password=True)
    except ArgumentError:
        return "the DSN"


def migrate(engine: Engine, to: str = "head") -> str:
    """Bring the schema to the newest version (or ``to``), whatever it is now; the version afterwards. Raises StoreError."""
    with refused_by_database(engine, "upgrade its schema"), _schema_open(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(7116170)"))  # two masters that start together
        configuration = _configuration(connection)
        present = MigrationContext.configure(connection).get_current_revision()
        known = {step.revision for step in ScriptDirectory.from_config(configuration).walk_revisions()}
        if present is not None and present not in known:
            raise StoreError(
                f"the store has schema {present}, which this bootkeep does not know",
                where=_shown(engine.url.render_as_string(hide_password=True)),
                next_step="A newer bootkeep made it: upgrade bootkeep on this master.",
            )
        command.upgrade(configuration, to)
        return MigrationContext.configure(connection).get_current_revision() or ""


@contextlib.contextmanager
def _schema_open(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that may alter tables.

    SQLite alters a table by copying it and dropping the old one, and dropping a table deletes its rows first: with foreign keys
    switched on that takes every row of every other table along. They can be switched off only outside of a transaction.
    """
    with engine.connect() as connection:
        driver = connection.connection.dbapi_connection if engine.dialect.name == "sqlite" else None
        if driver is not None:
            driver.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                yield connection
                wrong = connection.exec_driver_sql("PRAGMA foreign_key_check").first() if driver is not None else None
                if wrong is not None:
                    raise StoreError(
                        f"a row of {wrong[0]} belongs to nothing",
                        where=_shown(engine.url.render_as_string(hide_password=True)),
                        next_step="Nothing was changed. Put back a copy of the store.",
                    )
        finally:
            if driver is not None:
                driver.execute("PRAGMA foreign_keys=ON")


def schema_version(engine: Engine) -> tuple[str, str]:
    """The version of the schema that is there (empty: none), and the one that this bootkeep wants. Raises StoreError."""
    with refused_by_database(engine, "tell its schema"), engine.connect() as connection:
        there = ""
        if inspect(connection).has_table("alembic_version"):
            there = MigrationContext.configure(connection).get_current_revision() or ""
        wanted = ScriptDirectory.from_config(_configuration(connection)).get_current_head() or ""
        return there, wanted


def _configuration(connection: Connection) -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    configuration.attributes["connection"] = connection
    return configuration
