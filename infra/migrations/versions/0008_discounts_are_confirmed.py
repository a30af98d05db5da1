"""Discounts are confirmed after their workflow has been started; responses are read by an index of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

PROCESSED = sa.text("processed_at IS NOT NULL AND state <> 'erased'")
UNCONFIRMED = sa.text("NOT confirmed")


def upgrade() -> None:
    # True by default: what the version before stores is promised as soon as it is committed.
    op.add_column("discount", sa.Column("confirmed", sa.Boolean(), server_default=sa.text("true"), nullable=False))
    op.add_column("discount", sa.Column("submission_id", sa.BigInteger(), nullable=True))
    op.create_index("ix_discount_submission_id", "discount", ["submission_id"])
    op.create_index("ix_discount_unconfirmed", "discount", ["created_at"], postgresql_where=UNCONFIRMED)
    op.create_index("ix_lead_responses", "lead", ["campaign_id", "processed_at", "id"], postgresql_where=PROCESSED)
    op.drop_index("ix_lead_results", table_name="lead")


def downgrade() -> None:
    op.create_index("ix_lead_results", "lead", ["campaign_id", "processed_at", "id"])
    op.drop_index("ix_lead_responses", table_name="lead")
    op.drop_index("ix_discount_unconfirmed", table_name="discount")
    op.drop_index("ix_discount_submission_id", table_name="discount")
    op.drop_column("discount", "submission_id")
    op.drop_column("discount", "confirmed")
