"""What a host says of its runbook, and all that counts into its share.

Revision 0002, after 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    with op.batch_alter_table("hosts", schema=None) as batch_op:
        # STALE-MINOR has eleven letters.
        batch_op.alter_column(
            "runbook_state",
            existing_type=sa.String(length=8),
            type_=sa.String(length=16),
            existing_nullable=False,
            server_default="UNKNOWN",
        )
        batch_op.add_column(sa.Column("runbook_moved", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("runbook_state_at", sa.String(length=20), server_default="", nullable=False))
        batch_op.add_column(sa.Column("runbook_bad_since", sa.String(length=20), server_default="", nullable=False))
        batch_op.add_column(sa.Column("other_bytes", sa.BigInteger(), server_default="0", nullable=False))
