"""Each lease of a call is a row, by which calling limits count; when a lead is due is kept apart from its next look."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
LEASABLE = sa.text("state IN ('ready', 'leased')")


def upgrade() -> None:
    op.add_column("lead", sa.Column("look_at", MOMENT))
    op.add_column("lead", sa.Column("hold", sa.Text()))
    held = sa.text("hold IS NOT NULL")
    op.create_index("ix_lead_held", "lead", ["partner_id", "hold", "dial_at"], postgresql_where=held)
    op.add_column("call", sa.Column("max_per_day", sa.BigInteger()))
    op.add_column("call", sa.Column("policy_hash", sa.Text()))
    op.add_column("call", sa.Column("leases", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column("call", sa.Column("confirm_start", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("call", sa.Column("started_at", MOMENT))
    op.add_column("call", sa.Column("reason", sa.Text()))
    op.create_index("ix_call_ready", "call", ["dialer_id", "due_at", "id"], postgresql_where=sa.text("state = 'ready'"))
    op.create_index("ix_call_leased", "call", ["lease_until"], postgresql_where=sa.text("state = 'leased'"))
    op.create_index("ix_call_open", "call", ["partner_id"], postgresql_where=sa.text("ended_at IS NULL"))
    op.drop_index("ix_call_leasable", table_name="call")
    _create_leases()
    _keep_leases()


def _create_leases() -> None:
    op.create_table(
        "lease",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("call_id", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("dialer_id", sa.BigInteger(), nullable=False),
        sa.Column("partner_id", sa.BigInteger(), nullable=False),
        sa.Column("phone_hash", sa.LargeBinary()),
        sa.Column("confirm_start", sa.Boolean(), nullable=False),
        sa.Column("leased_at", MOMENT, nullable=False),
        sa.Column("lease_until", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.Column("ended", sa.Text()),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_lease_call_id")),
        sa.ForeignKeyConstraint(["dialer_id"], ["dialer.id"], name=op.f("fk_lease_dialer_id")),
        sa.ForeignKeyConstraint(["partner_id"], ["partner.id"], name=op.f("fk_lease_partner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lease")),
        sa.UniqueConstraint("call_id", "token", name=op.f("uq_lease_call_id_token")),
    )
    op.create_index("ix_lease_number", "lease", ["phone_hash", "started_at"])
    op.create_index("ix_lease_budget", "lease", ["partner_id", "started_at"])


def _keep_leases() -> None:
    """What was leased before counts on. Of several leases of one call only the first time and the last end are known.

    A call that was withdrawn from its dialer has a token past its lease's.
    """
    op.execute("UPDATE call SET started_at = leased_at, leases = 1 WHERE leased_at IS NOT NULL")
    op.execute("""
        INSERT INTO lease (call_id, token, dialer_id, partner_id, phone_hash, confirm_start, leased_at, lease_until,
                           started_at, ended_at, ended)
        SELECT id, token - (state = 'withdrawn')::int, dialer_id, partner_id, phone_hash, false, leased_at,
               coalesce(lease_until, leased_at), leased_at, ended_at,
               CASE state WHEN 'ended' THEN 'reported' WHEN 'withdrawn' THEN 'taken_back' END
        FROM call WHERE leased_at IS NOT NULL
    """)


def downgrade() -> None:
    op.drop_table("lease")
    op.create_index("ix_call_leasable", "call", ["dialer_id", "due_at", "id"], postgresql_where=LEASABLE)
    for index in ("ix_call_ready", "ix_call_leased", "ix_call_open"):
        op.drop_index(index, table_name="call")
    for column in ("max_per_day", "policy_hash", "leases", "confirm_start", "started_at", "reason"):
        op.drop_column("call", column)
    op.drop_index("ix_lead_held", table_name="lead")
    op.drop_column("lead", "hold")
    op.drop_column("lead", "look_at")
