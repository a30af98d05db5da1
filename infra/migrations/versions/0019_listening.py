"""Until when a partner's events are kept for its feed, though it has no endpoint."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("partner", sa.Column("listening_until", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("partner", "listening_until")
