"""The steps of DiscountWorkflow: each makes one attempt, is safe to run twice, and maps every failure once.

Failures reach Temporal as sentences written here: never an address, never a server's text.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.heartbeat import heartbeating
from activities.leanpub import Coupon, CouponRefused, CouponShop, ShopBusy, ShopDoubtful, make_once
from activities.mailer import MailDeferred, MailDoubtful, Mailer, MailRefused, MailUnreachable, Phase
from hub.discounts import ERASED_FAILURE, OPERATORS_REASON, MailState
from hub.mail import CouponMail, Mailbox, build_message, redeem_link, render
from hub.seal import Vault
from hub.store import fulfilment
from hub.store.db.engine import Database
from hub.store.fulfilment import DiscountErased, LoadedDiscount
from hub.temporal.vocabulary import DiscountRef

COUPON_DEADLINE: Final = timedelta(days=1)
MAIL_DEADLINE: Final = timedelta(days=5)
MAX_RETRY_DELAY: Final = timedelta(hours=1)
TWICE_DOUBTFUL: Final = "the mail was handed over twice, and both times the server did not confirm it"


@dataclass(frozen=True, slots=True)
class MailSettings:
    """The operator's settings for all mail. In sandbox all mail goes to `sandbox`, never to the buyer.

    `imprint` says in every mail who sends it; without one `sender` does.
    """

    sender: Mailbox
    sandbox: Mailbox
    reply_to: Mailbox | None = None
    templates: Path | None = None
    imprint: str | None = None

    @property
    def sent_by(self) -> str:
        return self.imprint or f"{self.sender.name} ({self.sender.address})".strip()


class DiscountActivities:
    """`shop` is None where no Leanpub account is configured: only sandbox requests succeed then."""

    def __init__(
        self, database: Database, vault: Vault, shop: CouponShop | None, mailer: Mailer, mail_settings: MailSettings
    ) -> None:
        self._database, self._vault = database, vault
        self._shop, self._mailer, self._mail_settings = shop, mailer, mail_settings

    @activity.defn
    async def begin(self, ref: DiscountRef) -> bool:
        """Whether the request was stored; if not, its sender got an error response."""
        async with self._database.begin() as tx:
            return await fulfilment.begin(tx, ref.discount_id, ref.partner_id, self._mail_settings.sender)

    @activity.defn
    async def make_coupon(self, discount_id: int) -> str:
        """Make the coupon with the stored code; returns what was done, in words."""
        discount = await self._load(discount_id)
        if discount.coupon_made:
            return "made before"
        _require_ready(discount)
        if not discount.sandbox:
            await self._make_at_leanpub(discount)
        async with self._database.begin() as tx:
            await fulfilment.record_coupon(tx, discount_id)
        return "a dummy: this is sandbox" if discount.sandbox else "made at Leanpub"

    async def _make_at_leanpub(self, discount: LoadedDiscount) -> None:
        if self._shop is None:
            raise _final("no Leanpub account is configured (HUB_LEANPUB_API_KEY)", partner_reason=OPERATORS_REASON)
        try:
            async with heartbeating():
                await make_once(self._shop, _coupon(discount))
        except CouponRefused as refused:
            raise _final(f"Leanpub refused the coupon: {refused}", partner_reason=OPERATORS_REASON) from None
        except (ShopBusy, ShopDoubtful) as later:
            retry_after = later.retry_after if isinstance(later, ShopBusy) else None
            partner_reason = "Leanpub made no coupon within a day"
            _require_before(discount, COUPON_DEADLINE, f"{partner_reason}: {later}", partner_reason=partner_reason)
            delay = min(retry_after, MAX_RETRY_DELAY) if retry_after else None
            raise ApplicationError(str(later), next_retry_delay=delay) from None

    @activity.defn
    async def send_mail(self, discount_id: int) -> str:
        """Hand the mail to the server; returns the server's status code."""
        discount = await self._load(discount_id)
        _require_ready(discount)
        with _final_when_erased():
            async with self._database.begin() as tx:
                before = await fulfilment.claim_mail(tx, discount_id)
        if before is MailState.SENT:
            return "sent before"
        if before is MailState.DOUBTFUL:
            raise _final(TWICE_DOUBTFUL)
        status = await self._hand_over(discount)
        async with self._database.begin() as tx:
            await fulfilment.record_sent_mail(tx, self._vault, discount)
        return status

    async def _hand_over(self, discount: LoadedDiscount) -> str:
        try:
            async with heartbeating():
                return await self._mailer.send(compose(discount, self._mail_settings))
        except MailRefused as refused:
            await self._release_mail(discount)
            # What is wrong with sender or content is not the partner's to mend; the recipient is.
            partner_reason = (
                "the recipient's mail server refused it" if refused.phase is Phase.RECIPIENT else OPERATORS_REASON
            )
            raise _final(f"the mail server refused it for good: {refused}", partner_reason=partner_reason) from None
        except (MailDeferred, MailUnreachable) as later:
            await self._release_mail(discount)
            partner_reason = "no mail server took it within five days"
            _require_before(discount, MAIL_DEADLINE, f"{partner_reason}: {later}", partner_reason=partner_reason)
            raise ApplicationError(str(later)) from None
        except MailDoubtful as doubtful:
            async with self._database.begin() as tx:
                await fulfilment.record_doubtful_mail(tx, discount.id)
            raise ApplicationError(f"it may have gone out: {doubtful}") from None

    async def _release_mail(self, discount: LoadedDiscount) -> None:
        async with self._database.begin() as tx:
            await fulfilment.release_mail(tx, discount.id)

    @activity.defn
    async def fail(self, discount_id: int, reason: str, partner_reason: str = OPERATORS_REASON) -> None:
        """Fail the request, with an event that gives its partner `partner_reason`. An erased one has ended."""
        with suppress(DiscountErased):
            async with self._database.begin() as tx:
                discount = await fulfilment.load(tx, self._vault, discount_id)
                await fulfilment.fail(tx, self._vault, discount, reason, partner_reason)

    async def _load(self, discount_id: int) -> LoadedDiscount:
        with _final_when_erased():
            async with self._database.begin() as tx:
                return await fulfilment.load(tx, self._vault, discount_id)


@contextmanager
def _final_when_erased() -> Iterator[None]:
    try:
        yield
    except DiscountErased as error:
        raise ApplicationError(error.message, type=ERASED_FAILURE, non_retryable=True) from None


def _final(reason: str, *, partner_reason: str | None = None) -> ApplicationError:
    """`partner_reason`: what the event gives the partner, where that is not the whole reason."""
    return ApplicationError(reason, partner_reason or reason, non_retryable=True)


def _require_ready(discount: LoadedDiscount) -> None:
    if not (discount.sandbox or discount.production):
        raise _final("the partner is not production-ready any more")


def _require_before(discount: LoadedDiscount, deadline: timedelta, reason: str, *, partner_reason: str) -> None:
    """Raise the final failure if the request is older than its deadline."""
    if discount.age > deadline:
        raise _final(reason, partner_reason=partner_reason) from None


def _coupon(discount: LoadedDiscount) -> Coupon:
    return Coupon(
        slug=discount.slug,
        code=discount.code,
        price_cents=discount.price_cents,
        starts_on=discount.starts_on.date(),
        ends_on=discount.ends_on.date(),
        max_uses=discount.max_uses,
        note=f"request {discount.public_id}",
        package=discount.package,
    )


def compose(discount: LoadedDiscount, mail_settings: MailSettings) -> EmailMessage:
    """The mail; composed again it differs in its MIME boundary alone."""
    buyer = Mailbox(discount.email, f"{discount.first_name} {discount.last_name}")
    mail = CouponMail(
        first_name=discount.first_name,
        partner_name=discount.partner_name,
        origin=discount.origin,
        product_id=discount.product_id,
        product_title=discount.product_title,
        code=discount.code,
        link=redeem_link(discount.slug, discount.code),
        price_cents=discount.price_cents,
        valid_until=discount.ends_on.date(),
        max_uses=discount.max_uses,
        language=discount.language,
        sandbox=not discount.production,
        contact=mail_settings.reply_to.address if mail_settings.reply_to else None,
        full_price_cents=discount.full_price_cents,
        sender=mail_settings.sent_by,
        request_id=discount.public_id,
        transaction_id=discount.transaction_id,
        recipient=f"{buyer.name} <{buyer.address}>",
    )
    return build_message(
        render(mail, mail_settings.templates),
        to=buyer if discount.production else mail_settings.sandbox,
        sender=mail_settings.sender,
        message_id=discount.message_id,
        date=discount.created_at,
        reply_to=mail_settings.reply_to,
    )
