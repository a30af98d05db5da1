"""Fulfilling a discount request: what its coupon and mail need, and how far both are.

Intent before effect: a mail is counted before it is handed over, so that a worker lost in between counts as a send.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update

from hub import strictjson
from hub.discounts import MOST_MAILS, DiscountState, MailState
from hub.mail import Mailbox, stable_message_id
from hub.seal import Vault
from hub.store import events
from hub.store.db.engine import Tx
from hub.store.discounts import RECIPIENT
from hub.store.submissions import wait_for_admissions
from hub.store.tables import Coupon, Discount, Partner, Product


@dataclass(frozen=True, slots=True)
class Order:
    """One request with all its facts. Prices in US cents; `age` is how long ago it was taken."""

    id: int
    public_id: str
    partner_id: int
    partner_name: str
    production: bool
    first_name: str
    last_name: str
    email: str
    origin: str
    transaction_id: str | None
    product_id: str
    product_title: str
    language: str
    code: str
    slug: str
    package: str
    price_cents: int
    starts_on: datetime
    ends_on: datetime
    max_uses: int
    coupon_made: bool
    message_id: str
    created_at: datetime
    age: timedelta
    sandbox: bool


_FACTS = (
    select(
        Discount.id,
        Discount.public_id,
        Discount.partner_id,
        Discount.message_id,
        Discount.created_at,
        Discount.sandbox,
        Discount.wrapped_key,
        Discount.recipient,
        (func.clock_timestamp() - Discount.created_at).label("age"),
        Partner.name.label("partner_name"),
        # Both conditions hold when it was taken, or it is sandbox; the partner's is looked at again before the effect.
        (~Discount.sandbox & Partner.production_ready).label("production"),
        Product.public_id.label("product_id"),
        Product.title.label("product_title"),
        Product.language,
        Coupon.code,
        Coupon.slug,
        Coupon.package,
        Coupon.price_cents,
        Coupon.starts_on,
        Coupon.ends_on,
        Coupon.max_uses,
        (Coupon.state == "made").label("coupon_made"),
    )
    .join(Partner, Partner.id == Discount.partner_id)
    .join(Product, Product.id == Discount.product_id)
    .join(Coupon, Coupon.discount_id == Discount.id)
)


async def begin(tx: Tx, discount_id: int, partner_id: int, sender: Mailbox) -> bool:
    """Whether the request was committed: its workflow is started within its transaction, and may be there first.

    From now on its mail has its Message-ID.
    """
    await wait_for_admissions(tx, partner_id)
    mine = select(Discount.public_id, Discount.message_id).where(Discount.id == discount_id)
    row = (await tx.execute(mine)).first()
    if row is not None and row.message_id is None:
        await _note(tx, discount_id, message_id=stable_message_id(row.public_id, sender))
    return row is not None


async def load(tx: Tx, vault: Vault, discount_id: int) -> Order:
    """The request, its recipient unsealed."""
    row = (await tx.execute(_FACTS.where(Discount.id == discount_id))).one()
    facts = {name: value for name, value in row._asdict().items() if name not in {"wrapped_key", "recipient"}}
    sealed = vault.unwrap(row.wrapped_key).open(row.recipient, row=row.public_id, column=RECIPIENT)
    person: Any = strictjson.loads(sealed)
    return Order(**facts, **person)


async def coupon_made(tx: Tx, discount_id: int) -> None:
    mine = update(Coupon).where(Coupon.discount_id == discount_id)
    await tx.execute(mine.values(state="made"))


async def claim_mail(tx: Tx, discount_id: int) -> MailState:
    """Count a mail that is about to be handed over; returns how things stood.

    SENT: there is nothing to send. DOUBTFUL: nobody knows whether the ones before went out, and no more may follow.
    NONE: go on.
    """
    row = (
        await tx.execute(
            select(Discount.mail_state, Discount.mails_sent).where(Discount.id == discount_id).with_for_update()
        )
    ).one()
    if row.mail_state == MailState.SENT:
        return MailState.SENT
    if row.mails_sent >= MOST_MAILS:
        return MailState.DOUBTFUL
    await _note(tx, discount_id, mail_state=MailState.SENDING, mails_sent=row.mails_sent + 1)
    return MailState.NONE


async def mail_not_sent(tx: Tx, discount_id: int) -> None:
    """The server surely did not take the mail that was claimed."""
    mine = update(Discount).where(Discount.id == discount_id, Discount.state == DiscountState.TAKEN)
    await tx.execute(mine.values(mail_state=MailState.NONE, mails_sent=Discount.mails_sent - 1))


async def mail_doubtful(tx: Tx, discount_id: int) -> int:
    """Nobody knows about the mail that was claimed; returns how many there are now, sent or doubtful."""
    await _note(tx, discount_id, mail_state=MailState.DOUBTFUL)
    sent = select(Discount.mails_sent).where(Discount.id == discount_id)
    return int((await tx.execute(sent)).scalar_one())


async def mail_sent(tx: Tx, vault: Vault, order: Order) -> None:
    """The server took it: the request is done, and the partner is told, once."""
    now = func.clock_timestamp()
    mine = update(Discount).where(Discount.id == order.id, Discount.state == DiscountState.TAKEN)
    sent = mine.values(state=DiscountState.SENT, mail_state=MailState.SENT, sent_at=now, updated_at=now)
    if (await tx.execute(sent.returning(Discount.id))).first():
        await _tell(tx, vault, order, "discount.sent")


async def fail(tx: Tx, vault: Vault, order: Order, why: str) -> None:
    """Give it up, once, and tell the partner. A mail that was sent is never failed."""
    mine = update(Discount).where(Discount.id == order.id, Discount.state == DiscountState.TAKEN)
    given_up = mine.values(state=DiscountState.FAILED, why=why, updated_at=func.clock_timestamp())
    if (await tx.execute(given_up.returning(Discount.id))).first():
        await _tell(tx, vault, order, "discount.failed", reason=why)


async def _note(tx: Tx, discount_id: int, **values: Any) -> None:
    mine = update(Discount).where(Discount.id == discount_id)
    await tx.execute(mine.values(updated_at=func.clock_timestamp(), **values))


async def _tell(tx: Tx, vault: Vault, order: Order, kind: str, **more: str) -> None:
    data = {
        "request_id": order.public_id,
        "transaction_id": order.transaction_id,
        "product_id": order.product_id,
        "origin": order.origin,
        "sandbox": order.sandbox,
        **more,
    }
    await events.record(tx, vault, order.partner_id, [events.NewEvent(kind, data, discount_id=order.id)])
