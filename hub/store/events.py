"""Events: what a partner's endpoints are told, written with the change that they report."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from hub import strictjson
from hub.seal import Vault
from hub.store.db import outbox
from hub.store.db.engine import Tx
from hub.store.tables import Contact, Delivery, Discount, Endpoint, Event

BODY = "event.body"


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something to tell. `data` is the webhook's `data`; `own` builds the campaign's own payload, where it has one.

    `impersonal`: nothing of it is anybody's, so that it outlives its subject.
    """

    type: str
    data: dict[str, Any]
    lead_id: int | None = None
    discount_id: int | None = None
    campaign_id: int | None = None
    own: Callable[[], Awaitable[dict[str, Any]]] | None = None
    impersonal: bool = False


async def record(tx: Tx, vault: Vault, partner_id: int, new_events: Sequence[NewEvent]) -> None:
    """Write each event once per kind of body, and a delivery for each endpoint that wants it."""
    live = Endpoint.deleted_at.is_(None) & Endpoint.disabled_at.is_(None)
    wanted = select(Endpoint.id, Endpoint.types, Endpoint.campaign_id).where(Endpoint.partner_id == partner_id, live)
    endpoints = (await tx.execute(wanted)).all()
    if not endpoints:
        return
    bodies: list[tuple[NewEvent, dict[str, Any], list[int]]] = []
    now = datetime.now(UTC)
    for event in new_events:
        plain = [e.id for e in endpoints if e.campaign_id is None and (not e.types or event.type in e.types)]
        own = [e.id for e in endpoints if event.own and e.campaign_id == event.campaign_id is not None]
        if plain:
            envelope = {"type": event.type, "timestamp": now.isoformat(), "data": event.data}
            bodies.append((event, envelope, plain))
        if own and event.own:
            bodies.append((event, await event.own(), own))
    if bodies:
        await _write(tx, vault, partner_id, bodies)


async def _write(
    tx: Tx, vault: Vault, partner_id: int, bodies: list[tuple[NewEvent, dict[str, Any], list[int]]]
) -> None:
    keys = await _subject_keys(tx, [event for event, _, _ in bodies if not event.impersonal])
    rows = []
    for event, body, _ in bodies:
        public_id = f"evt_{uuid4().hex}"
        key, own_key = (
            vault.new_key() if event.impersonal else (vault.unwrap(keys[event.lead_id, event.discount_id]), None)
        )
        sealed = key.seal(strictjson.dumps(body), row=public_id, column=BODY)
        subject = {"lead_id": event.lead_id, "discount_id": event.discount_id, "wrapped_key": own_key}
        rows.append({"public_id": public_id, "partner_id": partner_id, "type": event.type, "body": sealed, **subject})
    ids = (await tx.execute(insert(Event).returning(Event.id, sort_by_parameter_order=True), rows)).scalars().all()
    deliveries = [
        {"event_id": event_id, "endpoint_id": endpoint_id}
        for event_id, (_, _, endpoint_ids) in zip(ids, bodies, strict=True)
        for endpoint_id in endpoint_ids
    ]
    made = (await tx.execute(insert(Delivery).returning(Delivery.id), deliveries)).scalars().all()
    await outbox.put(tx, outbox.Kind.DELIVER, made)


async def _subject_keys(tx: Tx, new_events: Sequence[NewEvent]) -> dict[tuple[int | None, int | None], bytes]:
    leads = {h.lead_id for h in new_events if h.lead_id is not None}
    discounts = {h.discount_id for h in new_events if h.discount_id is not None}
    keys: dict[tuple[int | None, int | None], bytes] = {}
    if leads:
        of_leads = select(Contact.lead_id, Contact.wrapped_key).where(Contact.lead_id.in_(leads))
        keys |= {(lead_id, None): key for lead_id, key in await tx.execute(of_leads) if key}
    if discounts:
        of_discounts = select(Discount.id, Discount.wrapped_key).where(Discount.id.in_(discounts))
        keys |= {(None, discount_id): key for discount_id, key in await tx.execute(of_discounts) if key}
    return keys
