"""Discount requests and their coupons. The recipient is sealed by the request's own key."""

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.tables.base import Base, Id, Moment, Now


class Discount(Base):
    """One discount request. `repeat_hash` finds the same partner, transaction and payload again within 24 h.

    `state` is one of hub.discounts.LeadState; `message_id` is fixed before the first mail goes out.
    """

    __tablename__ = "discount"
    __table_args__ = (Index("ix_discount_repeat", "partner_id", "repeat_hash"),)
    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(unique=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey("partner.id"), index=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    repeat_hash: Mapped[bytes | None]
    sandbox: Mapped[bool]
    state: Mapped[str]
    why: Mapped[str | None]
    wrapped_key: Mapped[bytes | None]
    recipient: Mapped[bytes | None]
    email_hash: Mapped[bytes | None]
    message_id: Mapped[str | None]
    mail_state: Mapped[str] = mapped_column(server_default="none")
    mails_sent: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[Now]
    updated_at: Mapped[Now]
    sent_at: Mapped[Moment | None]
    erased_at: Mapped[Moment | None]


class Coupon(Base):
    """The coupon of one request, chosen and stored before Leanpub is asked. `state`: intended, made, failed."""

    __tablename__ = "coupon"
    id: Mapped[Id]
    discount_id: Mapped[int] = mapped_column(ForeignKey("discount.id"), unique=True)
    code: Mapped[str] = mapped_column(unique=True)
    slug: Mapped[str]
    package: Mapped[str]
    price_cents: Mapped[int]
    starts_on: Mapped[Moment]
    ends_on: Mapped[Moment]
    max_uses: Mapped[int]
    state: Mapped[str] = mapped_column(server_default="intended")
    created_at: Mapped[Now]
