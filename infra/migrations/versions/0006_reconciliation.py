"""Rows know the random part of their workflows' ids, and when they were last compared with them.

Rows of before have no token: their workflows keep the ids that they were started with.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STARTED = ("submission", "lead", "delivery", "discount")
CHECKED = ("lead", "delivery", "discount")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    for table in STARTED:
        op.add_column(table, sa.Column("workflow_token", sa.Text(), nullable=True))
    for table in CHECKED:
        op.add_column(table, sa.Column("checked_at", MOMENT, nullable=True))
    op.add_column("deployment", sa.Column("incarnation", sa.Text(), nullable=True))
    op.add_column("deployment", sa.Column("restarted_at", MOMENT, nullable=True))
    op.add_column("deployment", sa.Column("compared_to", sa.BigInteger(), nullable=True))
    op.add_column("deployment", sa.Column("held_until", MOMENT, nullable=True))
    looked_at = sa.text("coalesce(look_at, dial_at)")
    op.create_index("ix_lead_due", "lead", [looked_at], postgresql_where=sa.text("state = 'scheduled'"))
    op.create_index("ix_call_closing", "call", ["closes_at"], postgresql_where=sa.text("ended_at IS NULL"))
    op.create_index("ix_discount_taken", "discount", ["created_at"], postgresql_where=sa.text("state = 'taken'"))
    waiting = sa.text("coalesce(next_at, created_at)")
    op.create_index("ix_delivery_pending", "delivery", [waiting], postgresql_where=sa.text("state = 'pending'"))


def downgrade() -> None:
    for index, table in (
        ("ix_delivery_pending", "delivery"),
        ("ix_discount_taken", "discount"),
        ("ix_call_closing", "call"),
        ("ix_lead_due", "lead"),
    ):
        op.drop_index(index, table_name=table)
    for column in ("held_until", "compared_to", "restarted_at", "incarnation"):
        op.drop_column("deployment", column)
    for table in CHECKED:
        op.drop_column(table, "checked_at")
    for table in STARTED:
        op.drop_column(table, "workflow_token")
