"""A canary tells wrong keys; erasing finds all requests about its subject; a late do-not-call finds its number."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
NOW = sa.text("clock_timestamp()")
SEALED = sa.text("known_lead_ids IS NOT NULL AND wrapped_key IS NOT NULL")
OF_DISCOUNT = sa.text("discount_id IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "canary",
        sa.Column("only", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("pepper_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("only", name=op.f("pk_canary")),
    )
    op.create_table(
        "erased_number",
        sa.Column("call_id", sa.BigInteger(), nullable=False),
        sa.Column("phone_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_erased_number_call_id")),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_erased_number")),
    )
    op.create_index("ix_erased_number_created_at", "erased_number", ["created_at"])
    op.add_column("submission", sa.Column("known_lead_ids", postgresql.ARRAY(sa.BigInteger())))
    op.add_column("submission", sa.Column("discount_id", sa.BigInteger()))
    op.create_index(
        "ix_submission_known", "submission", ["known_lead_ids"], postgresql_using="gin", postgresql_where=SEALED
    )
    op.create_index("ix_submission_discount", "submission", ["discount_id"], postgresql_where=OF_DISCOUNT)


def downgrade() -> None:
    op.drop_index("ix_submission_discount", table_name="submission")
    op.drop_index("ix_submission_known", table_name="submission")
    op.drop_column("submission", "discount_id")
    op.drop_column("submission", "known_lead_ids")
    op.drop_table("erased_number")
    op.drop_table("canary")
