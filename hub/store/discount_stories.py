"""A discount request's story: coupon, mail and events in the order of time; and letting a failed one run again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text, update

from hub import journal, strictjson
from hub.actors import Actor
from hub.discounts import MOST_MAILS, OPERATORS_REASON, CouponState, DiscountState, MailState
from hub.errors import Conflict, NotFound
from hub.journal import Entry, Now
from hub.people import MaskedPerson, Person
from hub.seal import Vault
from hub.store import audit, erasure, timelines
from hub.store.db.engine import Tx
from hub.store.discounts import RECIPIENT
from hub.store.row_ids import possible_text
from hub.store.tables import Discount
from hub.store.tables.base import new_workflow_token


@dataclass(frozen=True, slots=True)
class DiscountStory:
    """Everything about a discount request that may be shown without an audit row.

    `mails_sent`: handed over or about to be; `mail_doubtful`: one may have arrived that the server did not confirm.
    """

    request_id: str
    partner_id: int
    partner: str
    product_id: str
    sandbox: bool
    recipient: MaskedPerson
    state: DiscountState
    coupon_code: str
    coupon_state: CouponState
    coupon_ends_on: datetime
    mail_state: MailState
    mails_sent: int
    mail_doubtful: bool
    created_at: datetime
    now: Now
    timeline: Sequence[Entry]

    def as_json(self) -> dict[str, Any]:
        """Times are aware datetimes; `timeline` from the request to the last delivery."""
        return {
            "request_id": self.request_id,
            "partner_id": self.partner_id,
            "partner": self.partner,
            "product_id": self.product_id,
            "sandbox": self.sandbox,
            "transaction_id": self.recipient.reference,
            "name": self.recipient.name,
            "email": self.recipient.email,
            "state": self.state,
            "coupon": {"code": self.coupon_code, "state": self.coupon_state, "ends_on": self.coupon_ends_on},
            "mail": {"state": self.mail_state, "sent": self.mails_sent, "doubtful": self.mail_doubtful},
            "created_at": self.created_at,
            "now": self.now.as_json(()),
            "timeline": [entry.as_json({}) for entry in self.timeline],
        }


_DISCOUNT = text("""
    SELECT discount.id, discount.public_id, discount.partner_id, partner.name AS partner, discount.sandbox,
           discount.state, discount.why, discount.mail_state, discount.mails_sent, discount.created_at,
           discount.updated_at, discount.wrapped_key, discount.recipient, product.public_id AS product_id,
           coupon.code, coupon.state AS coupon_state, coupon.ends_on, submission.key_id, submission.request_id
    FROM discount
    JOIN partner ON partner.id = discount.partner_id
    JOIN product ON product.id = discount.product_id
    JOIN coupon ON coupon.discount_id = discount.id
    LEFT JOIN submission ON submission.id = discount.submission_id
    WHERE discount.public_id = :request_id
          AND (CAST(:partner_id AS bigint) IS NULL OR discount.partner_id = :partner_id)
""")


async def discount_story(tx: Tx, vault: Vault, request_id: str, partner_id: int | None = None) -> DiscountStory:
    """The request, masked. `partner_id`: who asks, if it is a partner: their own requests alone. Raises NotFound."""
    wanted = {"request_id": possible_text(request_id), "partner_id": partner_id}
    row = (await tx.execute(_DISCOUNT, wanted)).first()
    if row is None:
        raise _unknown()
    entries = await _entries(tx, row)
    why = row.why
    if partner_id is not None:
        why = why and OPERATORS_REASON  # the event has what concerns them
        entries = [_for_partner(entry) for entry in entries]
    state, mail_state = DiscountState(row.state), MailState(row.mail_state)
    return DiscountStory(
        request_id=row.public_id,
        partner_id=row.partner_id,
        partner=row.partner,
        product_id=row.product_id,
        sandbox=row.sandbox,
        recipient=_recipient(vault, row),
        state=state,
        coupon_code=row.code,
        coupon_state=CouponState(row.coupon_state),
        coupon_ends_on=row.ends_on,
        mail_state=mail_state,
        mails_sent=row.mails_sent,
        mail_doubtful=_doubtful(state, mail_state),
        created_at=row.created_at,
        now=_now(state, why, CouponState(row.coupon_state), mail_state),
        timeline=entries,
    )


def _for_partner(entry: Entry) -> Entry:
    why = OPERATORS_REASON if entry.what == "discount.failed" else entry.why
    return replace(entry, by=journal.actor_for_partner(entry.by), why=why)


def _unknown() -> NotFound:
    return NotFound("there is no discount request of this id.", field="request_id")


def _doubtful(state: DiscountState, mail_state: MailState) -> bool:
    """SENDING counts while nobody is at it."""
    return mail_state is MailState.DOUBTFUL or (state is not DiscountState.TAKEN and mail_state is MailState.SENDING)


def _recipient(vault: Vault, row: Any) -> MaskedPerson:
    if row.wrapped_key is None:
        return MaskedPerson.of(None)
    sealed = vault.unwrap(row.wrapped_key).open(row.recipient, row=row.public_id, column=RECIPIENT)
    known: Any = strictjson.loads_stored(sealed)
    name = f"{known['first_name']} {known['last_name']}"
    return MaskedPerson.of(Person(name, None, None, None, known["email"], known.get("transaction_id"), {}))


def _now(state: DiscountState, why: str | None, coupon: CouponState, mail: MailState) -> Now:
    if state is not DiscountState.TAKEN:
        doubt = "; a mail may have gone out all the same" if _doubtful(state, mail) else ""
        return Now(state, (f"{state}: {why}" if why else str(state)) + doubt)
    if coupon is CouponState.INTENDED:
        return Now(state, "its coupon is being made", "the mail follows")
    words = {MailState.NONE: "the mail is to be handed over", MailState.SENDING: "the mail is being handed over"}
    return Now(state, words.get(mail, "the mail may have gone out, and is handed over once more"), "sent or failed")


_JOURNAL = text("""
    SELECT journal.created_at AS at, what, actor AS by, why, submission.request_id, delivery_id, until
    FROM journal LEFT JOIN submission ON submission.id = journal.submission_id
    WHERE journal.discount_id = :discount_id ORDER BY journal.id
""")


async def _entries(tx: Tx, row: Any) -> list[Entry]:
    entries = [Entry(**each) for each in (await tx.execute(_JOURNAL, {"discount_id": row.id})).mappings()]
    if not any(entry.what == "discount.requested" for entry in entries):  # older than the journal
        by = f"partner:{row.key_id}" if row.key_id else "hub"
        entries.insert(0, Entry(row.created_at, "discount.requested", by, request_id=row.request_id))
        if len(entries) == 1 and row.state != DiscountState.TAKEN:
            entries.append(Entry(row.updated_at, f"discount.{row.state}", why=row.why))
    entries += await timelines.webhooks(tx, "discount_id", row.id)
    return sorted(entries, key=lambda entry: entry.at)


async def retry_discount(tx: Tx, actor: Actor, request_id: str, *, mail_again: bool = False) -> None:
    """Let a failed request run again, with the coupon that it has: within seconds, by a new workflow.

    `mail_again`: although a mail of it may have arrived. Raises NotFound, and Conflict when it has not failed, when its
    partner has repeated it since, and when a mail may have arrived.
    """
    mine = select(Discount).where(Discount.public_id == possible_text(request_id)).with_for_update()
    row = (await tx.execute(mine)).first()
    if row is None:
        raise _unknown()
    if row.state is not DiscountState.FAILED:
        raise Conflict(f"it is {row.state}; only a failed one can run again.", field="request_id")
    if later := await _repeated(tx, row):
        raise Conflict(f"its partner has repeated it: see {later}.", field="request_id")
    if _doubtful(row.state, row.mail_state) and not mail_again:
        raise Conflict(
            "a mail of it may have arrived; ask the recipient, or let it be sent once more.", field="mail_again"
        )
    await audit.record(tx, actor, "discount.retry", request_id, partner_id=row.partner_id, mail_again=mail_again)
    now = func.clock_timestamp()
    anew: dict[str, Any] = {
        "state": DiscountState.TAKEN,
        "why": None,
        "retried_at": now,
        "updated_at": now,
        "checked_at": None,
    }
    anew |= {"workflow_token": new_workflow_token(), "mails_sent": min(row.mails_sent, MOST_MAILS - 1)}
    await tx.execute(update(Discount).where(Discount.id == row.id).values(anew))


async def _repeated(tx: Tx, row: Any) -> str | None:
    """The later request of the same transaction, that did not fail."""
    if row.repeat_hash is None:
        return None
    same = (Discount.partner_id == row.partner_id) & (Discount.repeat_hash == row.repeat_hash)
    later = select(Discount.public_id).where(same, Discount.id != row.id, Discount.state != DiscountState.FAILED)
    return (await tx.execute(later.limit(1))).scalar()


async def erase_discount(tx: Tx, actor: Actor, request_id: str) -> datetime:
    """As erasure.erase_discount, with its audit row."""
    mine = select(Discount.partner_id).where(Discount.public_id == possible_text(request_id))
    if (partner_id := (await tx.execute(mine)).scalar()) is None:
        raise _unknown()
    await audit.record(tx, actor, "discount.erase", request_id, partner_id=partner_id)
    return await erasure.erase_discount(tx, request_id)
