"""Who disabled an endpoint: what an operator disabled, its partner does not enable."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("endpoint", sa.Column("disabled_by", sa.Text()))


def downgrade() -> None:
    op.drop_column("endpoint", "disabled_by")
