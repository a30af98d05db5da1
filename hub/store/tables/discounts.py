"""Discount requests and their coupons. The recipient is sealed by a key per request."""

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.discounts import CouponState, DiscountState, MailState
from hub.store.tables.base import Base, EnumText, Id, Moment, Now, WorkflowToken


class Discount(Base):
    """One discount request. `repeat_hash` finds the same partner, transaction and payload again within 24 h.

    `confirmed`: its workflow was started, and its sender may be answered so; until then it is promised to nobody.
    `submission_id`: the request that stored it. `message_id` is set before the first mail is sent; `mails_sent` counts
    those handed over or about to be. `retried_at`: when an operator last let a failed one run again. `checked_at`: when
    it was last compared with its workflow, because it was late.
    """

    __tablename__ = "discount"
    __table_args__ = (
        Index("ix_discount_state", "state", "id"),
        Index("ix_discount_repeat", "partner_id", "repeat_hash"),
        Index("ix_discount_email", "email_hash", postgresql_where=text("email_hash IS NOT NULL")),
        Index("ix_discount_taken", "created_at", postgresql_where=text("state = 'taken'")),
        Index("ix_discount_doubtful", "id", postgresql_where=text("mail_state IN ('doubtful', 'sending')")),
        Index("ix_discount_unconfirmed", "created_at", postgresql_where=text("NOT confirmed")),
    )
    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(unique=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey("partner.id"), index=True)
    submission_id: Mapped[int | None] = mapped_column(index=True)
    confirmed: Mapped[bool] = mapped_column(server_default=text("true"))
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    repeat_hash: Mapped[bytes | None]
    sandbox: Mapped[bool]
    state: Mapped[DiscountState] = mapped_column(EnumText(DiscountState))
    why: Mapped[str | None]
    wrapped_key: Mapped[bytes | None]
    recipient: Mapped[bytes | None]
    email_hash: Mapped[bytes | None]
    message_id: Mapped[str | None]
    mail_state: Mapped[MailState] = mapped_column(EnumText(MailState), server_default=MailState.NONE)
    mails_sent: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[Now]
    updated_at: Mapped[Now]
    sent_at: Mapped[Moment | None]
    erased_at: Mapped[Moment | None]
    retried_at: Mapped[Moment | None]
    workflow_token: Mapped[WorkflowToken]
    checked_at: Mapped[Moment | None]


class Coupon(Base):
    """The coupon of one request, chosen and stored before Leanpub is asked to make it."""

    __tablename__ = "coupon"
    id: Mapped[Id]
    discount_id: Mapped[int] = mapped_column(ForeignKey("discount.id"), unique=True)
    code: Mapped[str] = mapped_column(unique=True)
    slug: Mapped[str]
    package: Mapped[str]
    full_price_cents: Mapped[int | None]
    price_cents: Mapped[int]
    starts_on: Mapped[Moment]
    ends_on: Mapped[Moment]
    max_uses: Mapped[int]
    state: Mapped[CouponState] = mapped_column(EnumText(CouponState), server_default=CouponState.INTENDED)
    created_at: Mapped[Now]
