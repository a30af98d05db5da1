"""Events for a partner's webhook endpoints, written in the transaction of the change that they report."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from hub import strictjson
from hub.seal import Vault
from hub.store.db import outbox
from hub.store.db.engine import Tx
from hub.store.tables import Contact, Delivery, Discount, Endpoint, Event

BODY = "event.body"

_SubjectKeys: TypeAlias = dict[tuple[int | None, int | None], bytes]
"""Wrapped keys by lead id or discount id."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be recorded. `type` is a `hub.webhooks.EventType`, `data` the webhook's `data`.

    `campaign_payload` builds the payload for the endpoints of its campaign, where the partner's API has one of its own.
    `impersonal`: it holds no personal data, so that it can be delivered after its subject was erased.
    """

    type: str
    data: dict[str, Any]
    lead_id: int | None = None
    discount_id: int | None = None
    campaign_id: int | None = None
    campaign_payload: Callable[[], Awaitable[dict[str, Any]]] | None = None
    impersonal: bool = False


async def record(tx: Tx, vault: Vault, partner_id: int, new_events: Sequence[NewEvent]) -> None:
    """Write each event once per payload format, with a delivery for each endpoint that subscribes to it.

    Events to which no endpoint subscribes are not stored (docs/decisions/0003).
    """
    live = Endpoint.deleted_at.is_(None) & Endpoint.disabled_at.is_(None)
    columns = select(Endpoint.id, Endpoint.types, Endpoint.campaign_id)
    endpoints = (await tx.execute(columns.where(Endpoint.partner_id == partner_id, live))).all()
    if not endpoints:
        return
    addressed: list[_AddressedEvent] = []
    now = datetime.now(UTC)
    for event in new_events:
        subscribed = [e.id for e in endpoints if e.campaign_id is None and (not e.types or event.type in e.types)]
        of_campaign = [e.id for e in endpoints if e.campaign_id is not None and e.campaign_id == event.campaign_id]
        if subscribed:
            envelope = {"type": event.type, "timestamp": now.isoformat(), "data": event.data}
            addressed.append(_AddressedEvent(event, envelope, subscribed))
        if of_campaign and event.campaign_payload:
            addressed.append(_AddressedEvent(event, await event.campaign_payload(), of_campaign))
    if addressed:
        await _insert(tx, vault, partner_id, addressed)


@dataclass(frozen=True, slots=True)
class _AddressedEvent:
    """An event in one payload format, with the endpoints that get it so."""

    event: NewEvent
    body: dict[str, Any]
    endpoint_ids: list[int]


async def _insert(tx: Tx, vault: Vault, partner_id: int, addressed: Sequence[_AddressedEvent]) -> None:
    keys = await _subject_keys(tx, [each.event for each in addressed if not each.event.impersonal])
    rows = [_event_row(vault, partner_id, each, keys) for each in addressed]
    ids = (await tx.execute(insert(Event).returning(Event.id, sort_by_parameter_order=True), rows)).scalars().all()
    deliveries = [
        {"event_id": event_id, "endpoint_id": endpoint_id}
        for event_id, each in zip(ids, addressed, strict=True)
        for endpoint_id in each.endpoint_ids
    ]
    delivery_ids = (await tx.execute(insert(Delivery).returning(Delivery.id), deliveries)).scalars().all()
    await outbox.put(tx, outbox.Kind.DELIVER, delivery_ids)


def _event_row(vault: Vault, partner_id: int, addressed: _AddressedEvent, keys: _SubjectKeys) -> dict[str, Any]:
    event, public_id = addressed.event, f"evt_{uuid4().hex}"
    wrapped_key = None
    if event.impersonal:
        key, wrapped_key = vault.new_key()
    else:
        key = vault.unwrap(keys[event.lead_id, event.discount_id])
    return {
        "public_id": public_id,
        "partner_id": partner_id,
        "type": event.type,
        "lead_id": event.lead_id,
        "discount_id": event.discount_id,
        "wrapped_key": wrapped_key,
        "body": key.seal(strictjson.dumps(addressed.body), row=public_id, column=BODY),
    }


async def _subject_keys(tx: Tx, new_events: Sequence[NewEvent]) -> _SubjectKeys:
    leads = {event.lead_id for event in new_events if event.lead_id is not None}
    discounts = {event.discount_id for event in new_events if event.discount_id is not None}
    keys: _SubjectKeys = {}
    if leads:
        of_leads = select(Contact.lead_id, Contact.wrapped_key).where(Contact.lead_id.in_(leads))
        keys |= {(lead_id, None): key for lead_id, key in await tx.execute(of_leads) if key}
    if discounts:
        of_discounts = select(Discount.id, Discount.wrapped_key).where(Discount.id.in_(discounts))
        keys |= {(None, discount_id): key for discount_id, key in await tx.execute(of_discounts) if key}
    return keys
