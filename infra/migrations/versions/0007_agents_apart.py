"""Agents' sessions and failed logins are rows; agents can be disabled; only an operator ties a dialer to a tenant.

Calls know whether an agent has reported on them beside their dialer.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("agent", sa.Column("disabled_at", MOMENT))
    op.add_column("call", sa.Column("agent_reported_at", MOMENT))
    _create_sessions()
    _create_tries()
    # Every partner was made with the default dialer, which thereby was nobody's choice.
    op.execute("""
        UPDATE partner SET dialer_id = NULL
        WHERE api <> 'margav' OR dialer_id = (SELECT id FROM dialer WHERE name = 'default')
    """)


def _create_sessions() -> None:
    op.create_table(
        "agent_session",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_agent_session_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_session")),
    )
    op.create_index(op.f("ix_agent_session_agent_id"), "agent_session", ["agent_id"])


def _create_tries() -> None:
    op.create_table(
        "login_try",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name_hash", sa.LargeBinary(), nullable=False),
        sa.Column("address_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_try")),
    )
    op.create_index("ix_login_try_name", "login_try", ["name_hash"])
    op.create_index("ix_login_try_address", "login_try", ["address_hash"])
    op.create_index(op.f("ix_login_try_created_at"), "login_try", ["created_at"])


def downgrade() -> None:
    op.drop_table("login_try")
    op.drop_table("agent_session")
    op.drop_column("call", "agent_reported_at")
    op.drop_column("agent", "disabled_at")
