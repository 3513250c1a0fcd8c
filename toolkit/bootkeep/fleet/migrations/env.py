"""What Alembic runs: the steps, on the connection that :mod:`bootkeep.fleet.database` hands over."""

from __future__ import annotations

from alembic import context

from bootkeep.fleet.tables import METADATA


def run() -> None:
    """Run the wanted steps in one transaction."""
    connection = context.config.attributes["connection"]
    # SQLite cannot alter a table: Alembic then copies it ("batch").
    context.configure(connection=connection, target_metadata=METADATA, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


run()
