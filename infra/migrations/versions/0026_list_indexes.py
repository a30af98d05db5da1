"""Indexes of audit lists by actor, action and subject, and of replays that have ended, which are deleted by age."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

AUDIT = ("actor", "action", "subject_id")


def upgrade() -> None:
    for column in AUDIT:
        op.create_index(f"ix_audit_{column}", "audit", [column, "id"])
    op.create_index("ix_replay_ended_at", "replay", ["ended_at"], postgresql_where=sa.text("ended_at IS NOT NULL"))


def downgrade() -> None:
    op.drop_index("ix_replay_ended_at", table_name="replay")
    for column in AUDIT:
        op.drop_index(f"ix_audit_{column}", table_name="audit")
