"""Leases go by age, by an index of their beginnings; a table that nothing reads any more goes."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_lease_age", "lease", ["leased_at"])
    op.drop_table("tombstone")


def downgrade() -> None:
    op.create_table(
        "tombstone",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_tombstone")),
    )
    op.drop_index("ix_lease_age", table_name="lease")
