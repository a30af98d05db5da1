"""Indexes of lists that people look at: open calls of a dialer, discount requests by state, a partner's own changes.

The one of calls costs a lead with one call two more index entries; the others are off the way of leads.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_call_dialer", "call", ["dialer_id", "id"], postgresql_where=sa.text("ended_at IS NULL"))
    op.create_index("ix_discount_state", "discount", ["state", "id"])
    op.create_index(
        "ix_audit_by_partner", "audit", ["partner_id", "id"], postgresql_where=sa.text("actor LIKE 'partner:%'")
    )


def downgrade() -> None:
    op.drop_index("ix_audit_by_partner", table_name="audit")
    op.drop_index("ix_discount_state", table_name="discount")
    op.drop_index("ix_call_dialer", table_name="call")
