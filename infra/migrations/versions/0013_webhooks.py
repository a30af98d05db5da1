"""Deliveries wait in a queue per endpoint and are claimed from it; endpoints have a contact and are paused.

What was pending before stays with its workflow, which goes on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
PENDING = "coalesce(next_at, created_at)"


def upgrade() -> None:
    op.add_column("event", sa.Column("campaign_id", sa.BigInteger()))
    op.execute("""
        UPDATE event SET campaign_id = endpoint.campaign_id FROM delivery JOIN endpoint ON endpoint.id = endpoint_id
        WHERE delivery.event_id = event.id AND endpoint.campaign_id IS NOT NULL
    """)
    op.add_column("endpoint", sa.Column("contact", sa.Text()))
    op.add_column("endpoint", sa.Column("paused_until", MOMENT))
    for column, default in (("warned", "0"), ("failures", "0"), ("places", "8")):
        op.add_column("endpoint", sa.Column(column, sa.BigInteger(), server_default=sa.text(default), nullable=False))
    op.add_column("delivery", sa.Column("why", sa.Text()))
    op.add_column(
        "delivery", sa.Column("earlier_attempts", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    )
    for column in ("queued_at", "claimed_until"):
        op.add_column("delivery", sa.Column(column, MOMENT))
    op.add_column("delivery", sa.Column("replay_id", sa.BigInteger()))
    op.drop_index("ix_delivery_pending", table_name="delivery")
    unqueued = sa.text("state = 'pending' AND queued_at IS NULL")
    op.create_index("ix_delivery_pending", "delivery", [sa.text(PENDING)], postgresql_where=unqueued)
    queued = sa.text("state = 'pending' AND queued_at IS NOT NULL")
    op.create_index("ix_delivery_queue", "delivery", ["endpoint_id", "queued_at"], postgresql_where=queued)
    either = sa.text("state IN ('pending', 'waiting') AND queued_at IS NULL")
    op.create_index("ix_delivery_unqueued", "delivery", ["endpoint_id", "state", "id"], postgresql_where=either)
    claimed = sa.text("claimed_until IS NOT NULL")
    op.create_index("ix_delivery_claimed", "delivery", ["endpoint_id"], postgresql_where=claimed)


def downgrade() -> None:
    op.execute("UPDATE delivery SET state = 'pending' WHERE state = 'waiting'")
    for index in ("ix_delivery_pending", "ix_delivery_queue", "ix_delivery_unqueued", "ix_delivery_claimed"):
        op.drop_index(index, table_name="delivery")
    pending = sa.text("state = 'pending'")
    op.create_index("ix_delivery_pending", "delivery", [sa.text(PENDING)], postgresql_where=pending)
    for column in ("replay_id", "claimed_until", "queued_at", "earlier_attempts", "why"):
        op.drop_column("delivery", column)
    for column in ("places", "failures", "warned", "paused_until", "contact"):
        op.drop_column("endpoint", column)
    op.drop_column("event", "campaign_id")
