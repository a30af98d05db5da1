"""Reasons of refused rows are counted by the hour; files of do-not-call numbers are imported part by part."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
NOW = sa.text("clock_timestamp()")
ZERO = sa.text("0")


def upgrade() -> None:
    op.create_table(
        "refusal_count",
        sa.Column("partner_id", sa.BigInteger(), nullable=False),
        sa.Column("hour", MOMENT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["partner_id"], ["partner.id"], name=op.f("fk_refusal_count_partner_id")),
        sa.PrimaryKeyConstraint("partner_id", "hour", "reason", name=op.f("pk_refusal_count")),
    )
    # The last week's hours were counted without their reasons.
    op.execute("""
        INSERT INTO refusal_count (partner_id, hour, reason, times)
        SELECT partner_id, date_trunc('hour', created_at, 'UTC'), left(given ->> 'reason', 200), sum(requests)
        FROM requests_counted JOIN submission ON created_at < until AND created_at >= until - interval '7 days'
        CROSS JOIN jsonb_array_elements(reasons) AS given
        WHERE given ->> 'reason' NOT IN ('known already', 'a test: nothing was saved')
        GROUP BY 1, 2, 3
    """)
    op.create_table(
        "suppression_import",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("partner_id", sa.BigInteger()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary()),
        sa.Column("total", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), server_default=ZERO, nullable=False) for name in ("added", "known", "bad")),
        sa.Column("faults", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.ForeignKeyConstraint(["partner_id"], ["partner.id"], name=op.f("fk_suppression_import_partner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppression_import")),
    )
    op.create_table(
        "suppression_import_part",
        sa.Column("import_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("numbers", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["suppression_import.id"], name=op.f("fk_suppression_import_part_import_id")
        ),
        sa.PrimaryKeyConstraint("number", "import_id", name=op.f("pk_suppression_import_part")),
    )


def downgrade() -> None:
    op.drop_table("suppression_import_part")
    op.drop_table("suppression_import")
    op.drop_table("refusal_count")
