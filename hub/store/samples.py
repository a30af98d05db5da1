"""Samples of events, sent on demand to a partner's endpoints, the way that real ones go."""

from typing import Any

from sqlalchemy import func, select

from hub import webhook_payloads
from hub.actors import Actor
from hub.errors import Conflict, Invalid, NotFound
from hub.seal import Vault
from hub.store import audit, events
from hub.store.admin import require_partner
from hub.store.db.engine import Tx
from hub.store.tables import Campaign, Endpoint, Partner
from hub.webhooks import EVENT_TYPES

PROCESSED = "lead.processed"


async def send_sample(
    tx: Tx, vault: Vault, actor: Actor, event_type: str, partner_id: int, endpoint_id: int | None = None
) -> list[dict[str, Any]]:
    """Have a sample delivered to every endpoint that takes this type, or to one; returns their ids and URLs.

    Its data has `sample: true`; endpoints of a SquadIQ campaign get a sample of that campaign's payload. It also shows
    in the partner's feed. Raises Invalid for an unknown type, NotFound for a partner or endpoint that is not there, and
    Conflict when nobody would get it.
    """
    if event_type not in EVENT_TYPES:
        raise Invalid(f"{event_type} is unknown; there are {', '.join(EVENT_TYPES)}.", field="event")
    api = await require_partner(tx, partner_id)
    chosen = await _chosen(tx, event_type, partner_id, endpoint_id)
    await audit.record(tx, actor, "event.trigger", endpoint_id or "", partner_id=partner_id, type=event_type)
    data = webhook_payloads.sample(event_type, api)
    new = [_event(event_type, data, endpoint) for endpoint in chosen]
    await events.record(tx, vault, partner_id, new or [events.NewEvent(event_type, data, impersonal=True)])
    return [{"endpoint_id": endpoint.id, "url": endpoint.url} for endpoint in chosen]


async def _chosen(tx: Tx, event_type: str, partner_id: int, endpoint_id: int | None) -> list[Any]:
    mine = select(Endpoint.id, Endpoint.url, Endpoint.types, Endpoint.disabled_at, Endpoint.campaign_id)
    named = mine.add_columns(Campaign.public_id).outerjoin(Campaign, Campaign.id == Endpoint.campaign_id)
    live = named.where(Endpoint.partner_id == partner_id, Endpoint.deleted_at.is_(None)).order_by(Endpoint.id)
    found = (await tx.execute(live)).all()
    if endpoint_id is not None:
        return [_required(found, endpoint_id, event_type)]
    chosen = [endpoint for endpoint in found if endpoint.disabled_at is None and _takes(endpoint, event_type)]
    listened = select(Partner.id).where(Partner.id == partner_id, Partner.listening_until > func.clock_timestamp())
    if not chosen and (await tx.execute(listened)).first() is None:
        raise Conflict(f"no enabled endpoint of partner {partner_id} takes {event_type}, and nobody runs `hub listen`.")
    return chosen


def _required(found: Any, endpoint_id: int, event_type: str) -> Any:
    endpoint = next((each for each in found if each.id == endpoint_id), None)
    if endpoint is None:
        raise NotFound(f"this partner has no endpoint {endpoint_id}.", field="endpoint_id")
    if endpoint.disabled_at is not None:
        raise Conflict(f"endpoint {endpoint_id} is disabled; enable it first.")
    if endpoint.campaign_id is not None and event_type != PROCESSED:
        raise Conflict(f"endpoint {endpoint_id} is a campaign's: it takes {PROCESSED} alone.")
    return endpoint


def _takes(endpoint: Any, event_type: str) -> bool:
    if endpoint.campaign_id is not None:
        return event_type == PROCESSED
    return not endpoint.types or event_type in endpoint.types


def _event(event_type: str, data: dict[str, Any], endpoint: Any) -> events.NewEvent:
    async def payload() -> dict[str, Any]:
        return webhook_payloads.campaign_sample(endpoint.public_id).model_dump()

    return events.NewEvent(
        event_type,
        data,
        campaign_id=endpoint.campaign_id,
        campaign_payload=payload if endpoint.campaign_id is not None else None,
        impersonal=True,
        only_endpoint=endpoint.id,
    )
