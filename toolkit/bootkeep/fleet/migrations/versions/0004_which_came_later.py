"""Which of two transactions came later when a clock was wrong, and up to where a host's past was let go.

Revision 0004, after 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    with op.batch_alter_table("transactions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("boot_id", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("start_ticks", sa.BigInteger(), server_default="0", nullable=False))
    with op.batch_alter_table("hosts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("let_go", sa.String(length=32), server_default="", nullable=False))
