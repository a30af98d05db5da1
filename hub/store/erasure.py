"""Erasing a lead or a discount's recipient: the key is destroyed, all personal data blanked, wherever it was stored.

What stays: that there was one, how often it was called or mailed and how that ended, and a keyed hash of its identity.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, func, or_, select, update

from hub.actors import Actor
from hub.discounts import DiscountState
from hub.errors import NotFound
from hub.leads import LeadState
from hub.seal import Vault
from hub.store import audit, do_not_call, events
from hub.store.db import outbox
from hub.store.db.engine import Tx
from hub.store.lead_rows import LeadRow, lock_leads
from hub.store.row_ids import possible, possible_text
from hub.store.submissions import ERASED
from hub.store.tables import Contact, Delivery, DeliveryAttempt, Discount, Event, Lead, Submission
from hub.store.withdrawals import erase_calls

BY_SENDER: Final = "erased by its sender"
BY_OPERATOR: Final = "erased by an operator"
LEAD, DISCOUNT = "lead", "discount"


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased, and when: a lead by its row and, if it had one, the keyed hash of what made it unique.

    `kind`: LEAD or DISCOUNT. `id`: a lead's id, a discount's request id; None in exports of version 0.1, which have the
    hash alone.
    """

    kind: str
    id: str | None
    created_at: datetime | None
    identity: bytes | None
    erased_at: datetime


async def erase_lead(tx: Tx, vault: Vault, lead_id: int) -> datetime:
    """Erase a lead of any API, as an operator asks; returns when it was. Raises NotFound.

    One that was erased before stays as it is.
    """
    leads = await lock_leads(tx, [possible(lead_id)])
    if not leads:
        raise NotFound(f"there is no lead {lead_id}.", field="lead_id")
    if leads[0].state is not LeadState.ERASED:
        await erase(tx, vault, leads[0], BY_OPERATOR)
    moment = select(func.coalesce(Contact.erased_at, Lead.updated_at)).where(Contact.lead_id == Lead.id)
    return (await tx.execute(moment.where(Lead.id == lead_id))).scalar_one()


async def erase(tx: Tx, vault: Vault, lead: LeadRow, why: str = BY_SENDER) -> None:
    """Erase the lead of this row, locked by the caller. A dialer that holds its call loses it."""
    await do_not_call.keep_numbers(tx, lead.id)
    await erase_calls(tx, lead.id)
    await _blank_webhooks(tx, Event.lead_id == lead.id)
    # The request that created it (with all others in it), and those that were about it.
    among = Submission.known_lead_ids.contains([lead.id]) & Submission.wrapped_key.is_not(None)
    about = or_(Submission.id == lead.submission_id, Submission.lead_id == lead.id)
    await _blank_requests(tx, about, among, _may_name(lead.partner_id))
    now = func.clock_timestamp()
    gone = {"wrapped_key": None, "sealed": None, "responses": None, "email_hash": None}
    contact = update(Contact).where(Contact.lead_id == lead.id)
    await tx.execute(contact.values(**gone, tombstone=lead.dedupe_key, erased_at=now))
    unknown = dict.fromkeys(("dedupe_key", "phone_hash", "grade", "region", "language", "agent_id"), None)
    ended = {"states": [], "zones": [], "state": LeadState.ERASED, "why": why, "updated_at": now}
    await tx.execute(update(Lead).where(Lead.id == lead.id).values(**unknown, **ended))
    await outbox.put(tx, outbox.Kind.WAKE_LEAD, [lead.id])
    data = {"lead_id": lead.id, "api": lead.api, "lead": await events.erased_lead(tx, lead.id)}
    deleted = events.NewEvent("lead.deleted", data, impersonal=True)
    await events.record(tx, vault, lead.partner_id, [deleted])


async def erase_discount(tx: Tx, request_id: str) -> datetime:
    """Erase the recipient of a discount request; returns when it was. Raises NotFound.

    What waits is not done any more: its workflow ends at once. One that was erased before stays as it is.
    """
    mine = (
        select(Discount.id, Discount.partner_id, Discount.erased_at)
        .where(Discount.public_id == possible_text(request_id))
        .with_for_update()
    )
    discount = (await tx.execute(mine)).first()
    if discount is None:
        raise NotFound("there is no discount request of this id.", field="request_id")
    if discount.erased_at is None:
        await _erase_discount(tx, discount.id, discount.partner_id, BY_OPERATOR)
    moment = select(func.coalesce(Discount.erased_at, Discount.updated_at)).where(Discount.id == discount.id)
    return (await tx.execute(moment)).scalar_one()


async def _erase_discount(tx: Tx, discount_id: int, partner_id: int, why: str) -> None:
    """Erase the discount, locked by the caller."""
    await _blank_webhooks(tx, Event.discount_id == discount_id)
    await _blank_requests(tx, Submission.discount_id == discount_id, _may_name(partner_id))
    now = func.clock_timestamp()
    gone = dict.fromkeys(("wrapped_key", "recipient", "email_hash", "repeat_hash"), None)
    ended = {"state": DiscountState.ERASED, "why": why, "updated_at": now, "erased_at": now}
    await tx.execute(update(Discount).where(Discount.id == discount_id).values(**gone, **ended))
    await outbox.put(tx, outbox.Kind.END_DISCOUNT, [discount_id])


async def _blank_webhooks(tx: Tx, about: ColumnElement[bool]) -> None:
    deliveries = select(Delivery.id).join(Event, Event.id == Delivery.event_id).where(about)
    await tx.execute(update(DeliveryAttempt).where(DeliveryAttempt.delivery_id.in_(deliveries)).values(answer=None))
    await tx.execute(update(Event).where(about).values(body=None, wrapped_key=None))


def _may_name(partner_id: int) -> ColumnElement[bool]:
    """Refused requests hold what could not be read or stored: whom they name is not known (docs/decisions/0015)."""
    return (Submission.partner_id == partner_id) & Submission.refused & Submission.wrapped_key.is_not(None)


async def _blank_requests(tx: Tx, *about: ColumnElement[bool]) -> None:
    blank = {"wrapped_key": None, "body": None, "answer": None, "fingerprint": ERASED}
    for each in about:
        await tx.execute(update(Submission).where(each).values(blank))


async def list_erased(tx: Tx) -> list[Erased]:
    """Everything that was erased, first erased first."""
    leads = select(Lead.id, Lead.created_at, Contact.tombstone, Contact.erased_at)
    leads = leads.join(Contact, Contact.lead_id == Lead.id).where(Contact.erased_at.is_not(None))
    discounts = select(Discount.public_id, Discount.created_at, Discount.erased_at)
    found = [Erased(LEAD, str(row.id), row.created_at, row.tombstone, row.erased_at) for row in await tx.execute(leads)]
    found += [
        Erased(DISCOUNT, row.public_id, row.created_at, None, row.erased_at)
        for row in await tx.execute(discounts.where(Discount.erased_at.is_not(None)))
    ]
    return sorted(found, key=lambda erased: erased.erased_at)


async def erase_again(tx: Tx, vault: Vault, actor: Actor, erased: Sequence[Erased]) -> int:
    """Erase what a restored backup brought back; returns how many. What was created after an erasure is another."""
    await audit.record(tx, actor, "erasure.apply", "all")
    found = 0
    for former in erased:
        found += await (_discount_again(tx, former) if former.kind == DISCOUNT else _lead_again(tx, vault, former))
    return found


async def _lead_again(tx: Tx, vault: Vault, former: Erased) -> int:
    """By its row, which its time distinguishes from one that has the same id since; or by what made it unique."""
    same: list[ColumnElement[bool]] = []
    if former.id is not None:
        same.append((Lead.id == int(former.id)) & (Lead.created_at == former.created_at))
    if former.identity is not None:
        same.append((Lead.dedupe_key == former.identity) & (Lead.created_at < former.erased_at))
    if not same:
        return 0
    found = (await tx.execute(select(Lead.id).where(or_(*same), Lead.state != LeadState.ERASED))).scalars()
    leads = await lock_leads(tx, found.all())
    for lead in leads:
        await erase(tx, vault, lead, BY_OPERATOR)
    return len(leads)


async def _discount_again(tx: Tx, former: Erased) -> int:
    return await _erase_unless_erased(tx, Discount.public_id == former.id)


async def erase_discount_again(tx: Tx, discount_id: int) -> None:
    """Erase a discount request that a restored backup brought back; one that is erased stays as it is."""
    await _erase_unless_erased(tx, Discount.id == discount_id)


async def _erase_unless_erased(tx: Tx, which: ColumnElement[bool]) -> int:
    mine = select(Discount.id, Discount.partner_id).where(which, Discount.erased_at.is_(None)).with_for_update()
    discount = (await tx.execute(mine)).first()
    if discount is not None:
        await _erase_discount(tx, discount.id, discount.partner_id, BY_OPERATOR)
    return int(discount is not None)
