"""Discounts whose mail may or may not have been sent are found by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("mail_state IN ('doubtful', 'sending')")
    op.create_index("ix_discount_doubtful", "discount", ["id"], postgresql_where=where)


def downgrade() -> None:
    op.drop_index("ix_discount_doubtful", table_name="discount")
