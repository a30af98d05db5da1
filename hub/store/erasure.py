"""Erasing a lead: its key is destroyed, and all personal data is blanked, wherever it was stored.

What stays: that there was a lead, how often it was called and how that ended, and a keyed hash of its identity.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select, update

from hub.leads import LeadState
from hub.seal import Vault
from hub.store import events
from hub.store.db import outbox
from hub.store.db.engine import Tx
from hub.store.tables import Contact, Delivery, DeliveryAttempt, Event, Lead, Submission
from hub.store.withdrawals import erase_calls

WHY = "erased by its sender"


@dataclass(frozen=True, slots=True)
class ErasedLead:
    """An erased lead: the keyed hash of what made it unique, and when it was erased."""

    identity: bytes
    erased_at: datetime


async def erase(tx: Tx, vault: Vault, lead: Any) -> None:
    """Erase the lead of this row, locked by the caller. A dialer that holds its call loses it."""
    await erase_calls(tx, lead.id)
    await _blank_webhooks(tx, lead.id)
    await _blank_requests(tx, lead)
    now = func.clock_timestamp()
    gone = {"wrapped_key": None, "sealed": None, "responses": None, "email_hash": None}
    contact = update(Contact).where(Contact.lead_id == lead.id)
    await tx.execute(contact.values(**gone, tombstone=lead.dedupe_key, erased_at=now))
    unknown = dict.fromkeys(("dedupe_key", "phone_hash", "grade", "region", "language", "agent_id"), None)
    ended = {"states": [], "zones": [], "state": LeadState.ERASED, "why": WHY, "updated_at": now}
    await tx.execute(update(Lead).where(Lead.id == lead.id).values(**unknown, **ended))
    await outbox.put(tx, outbox.Kind.WAKE_LEAD, [lead.id])
    data = {"lead_id": lead.id, "api": lead.api, "lead": await events.erased_lead(tx, lead.id)}
    deleted = events.NewEvent("lead.deleted", data, impersonal=True)
    await events.record(tx, vault, lead.partner_id, [deleted])


async def _blank_webhooks(tx: Tx, lead_id: int) -> None:
    mine = select(Event.id).where(Event.lead_id == lead_id)
    deliveries = select(Delivery.id).where(Delivery.event_id.in_(mine))
    await tx.execute(update(DeliveryAttempt).where(DeliveryAttempt.delivery_id.in_(deliveries)).values(answer=None))
    await tx.execute(update(Event).where(Event.lead_id == lead_id).values(body=None))


async def _blank_requests(tx: Tx, lead: Any) -> None:
    """The request that created it (with all others in it), and those that were about it."""
    mine = or_(Submission.id == lead.submission_id, Submission.lead_id == lead.id)
    blank = {"wrapped_key": None, "body": None, "answer": None, "fingerprint": b""}
    await tx.execute(update(Submission).where(mine).values(blank))


async def list_erased(tx: Tx) -> list[ErasedLead]:
    """All erased leads, first erased first."""
    rows = select(Contact.tombstone, Contact.erased_at).where(Contact.tombstone.is_not(None))
    return [
        ErasedLead(identity, erased_at)
        for identity, erased_at in await tx.execute(rows.order_by(Contact.erased_at))
        if identity and erased_at
    ]


async def erase_again(tx: Tx, vault: Vault, erased: Sequence[ErasedLead]) -> int:
    """Erase what a restored backup brought back; returns how many. Leads created after an erasure are others."""
    found = 0
    for former in erased:
        same = select(Lead).where(Lead.dedupe_key == former.identity, Lead.created_at < former.erased_at)
        lead = (await tx.execute(same.with_for_update())).first()
        if lead is not None:
            await erase(tx, vault, lead)
            found += 1
    return found
