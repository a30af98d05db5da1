"""Replays of ranges; deliveries are listed by endpoint, events by partner and time."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
NOW = sa.text("clock_timestamp()")
OPEN, RUNNING = sa.text("state IN ('running', 'paused')"), sa.text("state = 'running'")
FAILED, REPLAYED = sa.text("state = 'failed'"), sa.text("replay_id IS NOT NULL AND state <> 'delivered'")


def upgrade() -> None:
    op.create_table(
        "replay",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("endpoint_id", sa.BigInteger(), nullable=False),
        sa.Column("partner_id", sa.BigInteger(), nullable=False),
        sa.Column("types", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("undelivered", sa.Boolean(), nullable=False),
        sa.Column("pace", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="running", nullable=False),
        sa.Column("why", sa.Text()),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("replayed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("cursor_at", MOMENT),
        sa.Column("cursor_id", sa.BigInteger()),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("moved_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("workflow_token", sa.Text()),
        sa.Column("checked_at", MOMENT),
        sa.ForeignKeyConstraint(["endpoint_id"], ["endpoint.id"], name=op.f("fk_replay_endpoint_id")),
        sa.ForeignKeyConstraint(["partner_id"], ["partner.id"], name=op.f("fk_replay_partner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replay")),
    )
    op.create_index("ix_replay_partner_id", "replay", ["partner_id"])
    op.create_index("uq_replay_endpoint_id", "replay", ["endpoint_id"], unique=True, postgresql_where=OPEN)
    op.create_index("ix_replay_running", "replay", ["moved_at"], postgresql_where=RUNNING)
    op.drop_index("ix_delivery_endpoint_id", table_name="delivery")
    op.create_index("ix_delivery_endpoint_id", "delivery", ["endpoint_id", "id"])
    op.create_index("ix_delivery_failed", "delivery", ["endpoint_id", "id"], postgresql_where=FAILED)
    op.create_index("ix_delivery_replay_id", "delivery", ["replay_id"], postgresql_where=REPLAYED)
    op.drop_index("ix_event_partner_id", table_name="event")
    op.create_index("ix_event_partner_id", "event", ["partner_id", "created_at", "id"])
    op.create_index("ix_event_type", "event", ["type", "partner_id"])


def downgrade() -> None:
    for index in ("ix_event_type", "ix_event_partner_id"):
        op.drop_index(index, table_name="event")
    op.create_index("ix_event_partner_id", "event", ["partner_id"])
    for index in ("ix_delivery_replay_id", "ix_delivery_failed", "ix_delivery_endpoint_id"):
        op.drop_index(index, table_name="delivery")
    op.create_index("ix_delivery_endpoint_id", "delivery", ["endpoint_id"])
    op.drop_table("replay")
