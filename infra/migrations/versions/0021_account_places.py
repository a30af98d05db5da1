"""A partner's administrator takes no mail address from the operators' console, and learns of none there."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint("uq_account_email", "account")
    op.create_index("uq_account_email", "account", ["email", sa.text("(partner_id IS NULL)")], unique=True)


def downgrade() -> None:
    op.drop_index("uq_account_email", "account")
    op.create_unique_constraint("uq_account_email", "account", ["email"])
