"""Indexes by which retention finds what is old."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

AGED = ("submission", "event", "delivery", "delivery_attempt")


def upgrade() -> None:
    for table in AGED:
        op.create_index(f"ix_{table}_created_at", table, ["created_at"])


def downgrade() -> None:
    for table in AGED:
        op.drop_index(f"ix_{table}_created_at", table_name=table)
