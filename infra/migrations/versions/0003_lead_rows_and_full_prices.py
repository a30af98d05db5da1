"""Leads know their row in their request; products and coupons what the book costs without a discount."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("lead", sa.Column("row_index", sa.Integer(), nullable=True))
    op.add_column("product", sa.Column("full_price_cents", sa.BigInteger(), nullable=True))
    op.add_column("coupon", sa.Column("full_price_cents", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("coupon", "full_price_cents")
    op.drop_column("product", "full_price_cents")
    op.drop_column("lead", "row_index")
