"""Browsers that somebody signed in with before; who made a portal's session; products that are discounted no more."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0023"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    op.create_table(
        "known_browser",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.BigInteger()),
        sa.Column("agent_id", sa.BigInteger()),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_known_browser_account_id")),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_known_browser_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_browser")),
    )
    for column in ("account_id", "agent_id", "expires_at"):
        op.create_index(f"ix_known_browser_{column}", "known_browser", [column])
    op.add_column("sign_in_link", sa.Column("made_by", sa.Text()))
    op.add_column("web_session", sa.Column("made_by", sa.Text()))
    op.add_column("web_session", sa.Column("number", sa.BigInteger(), sa.Identity(), nullable=False))
    op.create_unique_constraint(op.f("uq_web_session_number"), "web_session", ["number"])
    op.add_column("product", sa.Column("disabled_at", MOMENT))


def downgrade() -> None:
    op.drop_column("product", "disabled_at")
    op.drop_column("web_session", "number")
    op.drop_column("web_session", "made_by")
    op.drop_column("sign_in_link", "made_by")
    op.drop_table("known_browser")
