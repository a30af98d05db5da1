"""Data that is restored into running tables is noticed: a row says which transaction wrote it."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deployment", sa.Column("written_in", sa.Text()))
    # What was compared before stays so: only rows that another transaction writes later are a restored backup's.
    op.execute("UPDATE deployment SET written_in = pg_current_xact_id()::xid::text")


def downgrade() -> None:
    op.drop_column("deployment", "written_in")
