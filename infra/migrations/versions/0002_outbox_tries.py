"""The outbox counts its tries; leases read their index in order."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LEASABLE = sa.text("state IN ('ready', 'leased')")


def upgrade() -> None:
    op.add_column("outbox", sa.Column("tries", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.drop_index("ix_call_leasable", table_name="call")
    op.create_index("ix_call_leasable", "call", ["dialer_id", "due_at", "id"], postgresql_where=LEASABLE)


def downgrade() -> None:
    op.drop_index("ix_call_leasable", table_name="call")
    op.create_index("ix_call_leasable", "call", ["dialer_id", "due_at"], postgresql_where=LEASABLE)
    op.drop_column("outbox", "tries")
