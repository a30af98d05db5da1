"""Every request of a partner is kept, refused ones too, with counts and reasons; hours that are over are counted."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
COUNTS = ("requests", "created_rows", "known_rows", "refused_rows")


def upgrade() -> None:
    for name in ("was_late", "refused"):
        op.add_column("submission", sa.Column(name, sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("submission", sa.Column("replay_of", sa.BigInteger()))
    op.add_column("submission", sa.Column("requests", sa.Integer(), server_default=sa.text("1"), nullable=False))
    for name in ("created_rows", "known_rows", "refused_rows", "duration_ms"):
        op.add_column("submission", sa.Column(name, sa.Integer()))
    op.add_column("submission", sa.Column("reasons", postgresql.JSONB()))
    op.execute("UPDATE submission SET refused = true WHERE state = 'rejected'")
    # An empty fingerprint is an erased body's. Requests that only read never had one.
    op.execute("UPDATE submission SET fingerprint = 'none' WHERE fingerprint = '' AND route LIKE 'GET %'")
    op.create_index("ix_submission_request_id", "submission", ["request_id"])
    op.create_index("ix_submission_partner", "submission", ["partner_id", "id"])
    op.create_index("ix_submission_refused", "submission", ["partner_id", "id"], postgresql_where=sa.text("refused"))
    op.create_index(
        "ix_submission_refused_sealed",
        "submission",
        ["partner_id"],
        postgresql_where=sa.text("refused AND wrapped_key IS NOT NULL"),
    )
    op.create_table(
        "request_count",
        sa.Column("partner_id", sa.BigInteger(), nullable=False),
        sa.Column("hour", MOMENT, nullable=False),
        sa.Column("status_class", sa.SmallInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in COUNTS),
        sa.ForeignKeyConstraint(["partner_id"], ["partner.id"], name=op.f("fk_request_count_partner_id")),
        sa.PrimaryKeyConstraint("partner_id", "hour", "status_class", name=op.f("pk_request_count")),
    )
    op.create_table(
        "requests_counted",
        sa.Column("only", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("only", name=op.f("pk_requests_counted")),
    )
    op.execute("""
        INSERT INTO requests_counted (until)
        SELECT date_trunc('hour', greatest(coalesce(min(created_at), now()), now() - interval '31 days'))
        FROM submission
    """)


def downgrade() -> None:
    op.drop_table("requests_counted")
    op.drop_table("request_count")
    for name in ("refused_sealed", "refused", "partner", "request_id"):
        op.drop_index(f"ix_submission_{name}", table_name="submission")
    for name in ("was_late", "refused", "replay_of", "requests", "reasons", "duration_ms"):
        op.drop_column("submission", name)
    for name in ("created_rows", "known_rows", "refused_rows"):
        op.drop_column("submission", name)
