"""Fulfilling a discount request: the data that its coupon and mail need, and the states of both.

Intent before effect: a mail is counted before it is handed over, so that a worker lost in between counts as a send.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import func, select, update

from hub import strictjson
from hub.discounts import MOST_MAILS, OPERATORS_REASON, CouponState, DiscountState, MailState
from hub.errors import HubError
from hub.mail import Mailbox, stable_message_id
from hub.seal import Vault
from hub.store import discounts, erasure, events
from hub.store.admission_lock import wait_for_admissions
from hub.store.db.engine import Tx
from hub.store.discounts import CONFIRMED_WITHIN, RECIPIENT
from hub.store.tables import Coupon, Discount, Partner, Product


@dataclass(frozen=True, slots=True)
class LoadedDiscount:
    """A request with its recipient, product and coupon. Prices in US cents.

    `age`: the time since it was accepted, or last retried by an operator. `full_price_cents`: without the coupon, None
    when it is not to be shown.
    """

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
    full_price_cents: int | None
    price_cents: int
    starts_on: datetime
    ends_on: datetime
    max_uses: int
    coupon_made: bool
    message_id: str
    created_at: datetime
    age: timedelta
    sandbox: bool


_DISCOUNT = (
    select(
        Discount.id,
        Discount.public_id,
        Discount.partner_id,
        Discount.message_id,
        Discount.created_at,
        Discount.sandbox,
        Discount.wrapped_key,
        Discount.recipient,
        (func.clock_timestamp() - func.coalesce(Discount.retried_at, Discount.created_at)).label("age"),
        Partner.name.label("partner_name"),
        # Checked when the request was accepted; the partner's part is checked again before each effect.
        (~Discount.sandbox & Partner.production_ready).label("production"),
        Product.public_id.label("product_id"),
        Product.title.label("product_title"),
        Product.language,
        Coupon.code,
        Coupon.slug,
        Coupon.package,
        Coupon.full_price_cents,
        Coupon.price_cents,
        Coupon.starts_on,
        Coupon.ends_on,
        Coupon.max_uses,
        (Coupon.state == CouponState.MADE).label("coupon_made"),
    )
    .join(Partner, Partner.id == Discount.partner_id)
    .join(Product, Product.id == Discount.product_id)
    .join(Coupon, Coupon.discount_id == Discount.id)
)


class NotConfirmedYet(HubError):
    """The request's API process has still to say whether it stands: the workflow was started before that."""

    retryable = True

    def __init__(self) -> None:
        super().__init__("The request is not confirmed yet.")


async def begin(tx: Tx, discount_id: int, partner_id: int, sender: Mailbox) -> bool:
    """Whether the request stands: it is stored and confirmed. Sets the Message-ID of its mail.

    Raises NotConfirmedYet; one that is not confirmed within a minute is withdrawn.
    """
    row = await _begun(tx, discount_id)
    if row is None:
        # The version before started workflows within the transaction that stored the row.
        await wait_for_admissions(tx, partner_id)
        row = await _begun(tx, discount_id)
    if row is None:
        return False
    if not row.confirmed:
        if row.age < CONFIRMED_WITHIN or not await discounts.withdraw(tx, discount_id):
            raise NotConfirmedYet
        return False
    if row.message_id is None:
        await _update(tx, discount_id, message_id=stable_message_id(row.public_id, sender))
    return True


async def _begun(tx: Tx, discount_id: int) -> Any:
    age = (func.clock_timestamp() - Discount.created_at).label("age")
    columns = select(Discount.public_id, Discount.message_id, Discount.confirmed, age)
    return (await tx.execute(columns.where(Discount.id == discount_id))).first()


class DiscountErased(HubError):
    """The request's recipient was erased: nothing is to be done for it any more."""

    def __init__(self) -> None:
        super().__init__("the request was erased")


async def load(tx: Tx, vault: Vault, discount_id: int) -> LoadedDiscount:
    """The request, its recipient unsealed. Raises DiscountErased."""
    row = (await tx.execute(_DISCOUNT.where(Discount.id == discount_id))).one()
    if row.wrapped_key is None:
        raise DiscountErased
    facts = {name: value for name, value in row._asdict().items() if name not in {"wrapped_key", "recipient"}}
    sealed = vault.unwrap(row.wrapped_key).open(row.recipient, row=row.public_id, column=RECIPIENT)
    person: Any = strictjson.loads_stored(sealed)
    return LoadedDiscount(**facts, **person)


async def record_coupon(tx: Tx, discount_id: int) -> None:
    """The coupon is made."""
    mine = update(Coupon).where(Coupon.discount_id == discount_id)
    await tx.execute(mine.values(state=CouponState.MADE))


async def claim_mail(tx: Tx, discount_id: int) -> MailState:
    """Count a mail that is about to be handed over. Returns NONE when it may be.

    SENT: it was sent before. DOUBTFUL: it was handed over as often as it may be, and its fate is unknown. Raises
    DiscountErased.
    """
    columns = select(Discount.state, Discount.mail_state, Discount.mails_sent)
    row = (await tx.execute(columns.where(Discount.id == discount_id).with_for_update())).one()
    if row.state is DiscountState.ERASED:
        raise DiscountErased
    if row.mail_state == MailState.SENT:
        return MailState.SENT
    if row.mails_sent >= MOST_MAILS:
        return MailState.DOUBTFUL
    await _update(tx, discount_id, mail_state=MailState.SENDING, mails_sent=row.mails_sent + 1)
    return MailState.NONE


async def release_mail(tx: Tx, discount_id: int) -> None:
    """Take back the claim: the server certainly did not accept the mail."""
    mine = update(Discount).where(Discount.id == discount_id, Discount.state == DiscountState.TAKEN)
    await tx.execute(mine.values(mail_state=MailState.NONE, mails_sent=Discount.mails_sent - 1))


async def record_doubtful_mail(tx: Tx, discount_id: int) -> None:
    """Keep the claim: whether the server accepted the mail is unknown."""
    await _update(tx, discount_id, mail_state=MailState.DOUBTFUL)


async def record_sent_mail(tx: Tx, vault: Vault, discount: LoadedDiscount) -> None:
    """The server accepted the mail: the request is SENT, with an event. Safe to run twice."""
    now = func.clock_timestamp()
    mine = update(Discount).where(Discount.id == discount.id, Discount.state == DiscountState.TAKEN)
    sent = mine.values(state=DiscountState.SENT, mail_state=MailState.SENT, sent_at=now, updated_at=now)
    if (await tx.execute(sent.returning(Discount.id))).first():
        await _record_event(tx, vault, discount, "discount.sent")


async def fail(tx: Tx, vault: Vault, discount: LoadedDiscount, reason: str, partner_reason: str) -> None:
    """The request is FAILED, with an event, unless it was SENT. Safe to run twice.

    `reason` is for the operator, `partner_reason` is what the event gives its partner.
    """
    mine = update(Discount).where(Discount.id == discount.id, Discount.state == DiscountState.TAKEN)
    failed = mine.values(state=DiscountState.FAILED, why=reason, updated_at=func.clock_timestamp())
    if (await tx.execute(failed.returning(Discount.id))).first():
        await _record_event(tx, vault, discount, "discount.failed", reason=partner_reason)


async def take_end(tx: Tx, vault: Vault, discount_id: int, result: str) -> None:
    """A request that is under way ends as its workflow did, such as by `sent: ...`: a backup was restored."""
    if result.startswith(DiscountState.ERASED):
        await erasure.erase_discount_again(tx, discount_id)
        return
    discount = await load(tx, vault, discount_id)
    if result.startswith(DiscountState.SENT):
        await record_coupon(tx, discount_id)
        await record_sent_mail(tx, vault, discount)
    else:
        await fail(tx, vault, discount, result.removeprefix(f"{DiscountState.FAILED}: "), OPERATORS_REASON)


async def _update(tx: Tx, discount_id: int, **values: Any) -> None:
    mine = update(Discount).where(Discount.id == discount_id)
    await tx.execute(mine.values(updated_at=func.clock_timestamp(), **values))


async def _record_event(
    tx: Tx, vault: Vault, discount: LoadedDiscount, event_type: Literal["discount.sent", "discount.failed"], **more: str
) -> None:
    data = {
        "requestId": discount.public_id,
        "transactionId": discount.transaction_id,
        "request_id": discount.public_id,  # as the first release named them
        "transaction_id": discount.transaction_id,
        "product_id": discount.product_id,
        "origin": discount.origin,
        "sandbox": discount.sandbox,
        **more,
    }
    await events.record(tx, vault, discount.partner_id, [events.NewEvent(event_type, data, discount_id=discount.id)])
