"""Who disabled an account: whom an operator disabled, their partner does not enable."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account", sa.Column("disabled_by", sa.Text()))


def downgrade() -> None:
    op.drop_column("account", "disabled_by")
