"""The steps of DiscountWorkflow: each one attempt, safe to run twice; every failure is mapped here, once.

What Temporal learns of a failure is one of our own sentences: never an address, never what a server answered.
"""

from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.heartbeat import heartbeating
from activities.leanpub import Coupon, CouponRefused, CouponShop, ShopBusy, ShopDoubtful, make_once
from activities.mailer import MailDeferred, MailDoubtful, Mailer, MailRefused, MailUnreachable
from hub.discounts import MailState
from hub.mail import CouponMail, Mailbox, build_message, redeem_link, render
from hub.seal import Vault
from hub.store import fulfilment
from hub.store.db.engine import Database
from hub.store.fulfilment import Order
from hub.temporal.vocabulary import DiscountRef

SHOP_PATIENCE: Final = timedelta(days=1)
MAIL_PATIENCE: Final = timedelta(days=5)
LONGEST_WISH: Final = timedelta(hours=1)
NOBODY_KNOWS: Final = "the mail was handed over twice, and the server never said whether it took it"


@dataclass(frozen=True, slots=True)
class MailSettings:
    """What the operator's settings say of every mail. In sandbox all mail goes to `sandbox`, whoever asked."""

    sender: Mailbox
    sandbox: Mailbox
    reply_to: Mailbox | None = None
    templates: Path | None = None


class DiscountActivities:
    """`shop` is None where no Leanpub account is configured: then there is sandbox only."""

    def __init__(
        self, database: Database, vault: Vault, shop: CouponShop | None, mailer: Mailer, mail_settings: MailSettings
    ) -> None:
        self._database, self._vault = database, vault
        self._shop, self._mailer, self._mail_settings = shop, mailer, mail_settings

    @activity.defn
    async def begin(self, ref: DiscountRef) -> bool:
        """Whether the request was stored; if not, its sender was told so."""
        async with self._database.begin() as tx:
            return await fulfilment.begin(tx, ref.discount_id, ref.partner_id, self._mail_settings.sender)

    @activity.defn
    async def make_coupon(self, discount_id: int) -> str:
        """Make the coupon that the request was given; returns what was done."""
        order = await self._load(discount_id)
        if order.coupon_made:
            return "made before"
        _require_ready(order)
        if not order.sandbox:
            await self._make(order)
        async with self._database.begin() as tx:
            await fulfilment.coupon_made(tx, discount_id)
        return "a dummy: this is sandbox" if order.sandbox else "made at Leanpub"

    async def _make(self, order: Order) -> None:
        if self._shop is None:
            raise _final("no Leanpub account is configured (HUB_LEANPUB_API_KEY)")
        try:
            async with heartbeating():
                await make_once(self._shop, _coupon(order))
        except CouponRefused as refused:
            raise _final(f"Leanpub refused the coupon: {refused}") from None
        except (ShopBusy, ShopDoubtful) as later:
            wish = later.retry_after if isinstance(later, ShopBusy) else None
            _give_up(order, SHOP_PATIENCE, f"Leanpub made no coupon within a day: {later}")
            raise ApplicationError(str(later), next_retry_delay=min(wish, LONGEST_WISH) if wish else None) from None

    @activity.defn
    async def send_mail(self, discount_id: int) -> str:
        """Hand the mail to the server; returns the server's status code."""
        order = await self._load(discount_id)
        _require_ready(order)
        async with self._database.begin() as tx:
            stood = await fulfilment.claim_mail(tx, discount_id)
        if stood is MailState.SENT:
            return "sent before"
        if stood is MailState.DOUBTFUL:
            raise _final(NOBODY_KNOWS)
        status = await self._hand_over(order)
        async with self._database.begin() as tx:
            await fulfilment.mail_sent(tx, self._vault, order)
        return status

    async def _hand_over(self, order: Order) -> str:
        try:
            async with heartbeating():
                return await self._mailer.send(compose(order, self._mail_settings))
        except MailRefused as refused:
            await self._not_sent(order)
            raise _final(f"the mail server refused it for good: {refused}") from None
        except (MailDeferred, MailUnreachable) as later:
            await self._not_sent(order)
            _give_up(order, MAIL_PATIENCE, f"no mail server took it within five days: {later}")
            raise ApplicationError(str(later)) from None
        except MailDoubtful as doubtful:
            async with self._database.begin() as tx:
                await fulfilment.mail_doubtful(tx, order.id)
            raise ApplicationError(f"it may have gone out: {doubtful}") from None

    async def _not_sent(self, order: Order) -> None:
        async with self._database.begin() as tx:
            await fulfilment.mail_not_sent(tx, order.id)

    @activity.defn
    async def fail(self, discount_id: int, why: str) -> None:
        """Give the request up and tell its partner."""
        order = await self._load(discount_id)
        async with self._database.begin() as tx:
            await fulfilment.fail(tx, self._vault, order, why)

    async def _load(self, discount_id: int) -> Order:
        async with self._database.begin() as tx:
            return await fulfilment.load(tx, self._vault, discount_id)


def _final(why: str) -> ApplicationError:
    return ApplicationError(why, non_retryable=True)


def _require_ready(order: Order) -> None:
    if not (order.sandbox or order.production):
        raise _final("the partner is not production-ready any more")


def _give_up(order: Order, patience: timedelta, why: str) -> None:
    if order.age > patience:
        raise _final(why) from None


def _coupon(order: Order) -> Coupon:
    return Coupon(
        slug=order.slug,
        code=order.code,
        price_cents=order.price_cents,
        starts_on=order.starts_on.date(),
        ends_on=order.ends_on.date(),
        max_uses=order.max_uses,
        note=f"request {order.public_id}",
        package=order.package,
    )


def compose(order: Order, mail_settings: MailSettings) -> EmailMessage:
    """The mail, the same bytes however often it is composed."""
    mail = CouponMail(
        first_name=order.first_name,
        partner_name=order.partner_name,
        origin=order.origin,
        product_id=order.product_id,
        product_title=order.product_title,
        code=order.code,
        link=redeem_link(order.slug, order.code),
        price_cents=order.price_cents,
        valid_until=order.ends_on.date(),
        max_uses=order.max_uses,
        language=order.language,
        sandbox=not order.production,
        contact=mail_settings.reply_to.address if mail_settings.reply_to else None,
    )
    buyer = Mailbox(order.email, f"{order.first_name} {order.last_name}")
    return build_message(
        render(mail, mail_settings.templates),
        to=buyer if order.production else mail_settings.sandbox,
        sender=mail_settings.sender,
        message_id=order.message_id,
        date=order.created_at,
        reply_to=mail_settings.reply_to,
    )
