"""Discount requests in a list, without personal data."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text

from hub.discounts import CouponState, DiscountState, MailState
from hub.store.db.engine import Tx
from hub.store.paging import Page, PageWanted, page_of
from hub.store.tables import Coupon, Discount, Partner


@dataclass(frozen=True, slots=True)
class DiscountLine:
    """One request. `why` it failed, None unless it did."""

    request_id: str
    partner_id: int
    partner: str
    sandbox: bool
    state: DiscountState
    why: str | None
    coupon: CouponState
    mail: MailState
    mails_sent: int
    created_at: datetime


# As discount_stories has it; in words that the planner finds in ix_discount_doubtful.
_DOUBTFUL = text("(discount.mail_state = 'doubtful' OR discount.mail_state = 'sending' AND discount.state <> 'taken')")


async def list_discounts(
    tx: Tx, page: PageWanted, *, state: DiscountState | None = None, doubtful: bool = False
) -> Page[DiscountLine]:
    """Newest first; in one state; `doubtful`: those of which nobody knows whether a mail was sent."""
    ids = select(Discount.id).order_by(Discount.id.desc()).limit(page.size + 1)
    if page.before is not None:
        ids = ids.where(Discount.id < page.before)
    if state is not None:
        ids = ids.where(Discount.state == state)
    if doubtful:
        ids = ids.where(_DOUBTFUL)
    rows = (
        select(Discount, Partner.name.label("partner"), Coupon.state.label("coupon"))
        .join(Partner, Partner.id == Discount.partner_id)
        .join(Coupon, Coupon.discount_id == Discount.id)
        .where(Discount.id.in_(ids))
        .order_by(Discount.id.desc())
    )
    return page_of((await tx.execute(rows)).all(), page, lambda row: DiscountLine(
        row.public_id, row.partner_id, row.partner, row.sandbox, row.state, row.why, row.coupon, row.mail_state,
        row.mails_sent, row.created_at,
    ))  # fmt: skip
