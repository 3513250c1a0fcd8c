"""Which transactions changed since a reader looked last.

Revision 0003, after 0002.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    with op.batch_alter_table("transactions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("change", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.create_index("ix_transactions_change", ["change"], unique=False)
