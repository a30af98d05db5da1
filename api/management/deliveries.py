"""Webhooks sent or to be sent: each event to each endpoint, with every attempt; a partner its own."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from api import problems
from api.fields import Id, Moment, PathId, Text
from api.management.access import By, Caller, Nothing
from api.management.pages import Listed, PageQuery
from hub.store import audit, delivery_lists, retries
from hub.store.db.engine import Tx
from hub.store.delivery_lists import DeliveryDetails, DeliveryFilter, DeliverySummary
from hub.webhooks import DeliveryState

operators = APIRouter()
partners = APIRouter()
both = APIRouter()


class DeliveryQuery(PageQuery):
    """Which deliveries. `since`: of events recorded from then on."""

    endpoint_id: Id | None = None
    state: DeliveryState | None = None
    type: Annotated[Text | None, Field(description="Of this event, as `lead.processed`")] = None
    lead_id: Id | None = None
    since: Moment | None = None

    def filter(self, partner_id: int | None) -> DeliveryFilter:
        return DeliveryFilter(self.endpoint_id, partner_id, self.state, self.type, self.lead_id, self.since)


class AnyDeliveryQuery(DeliveryQuery):
    partner_id: Id | None = None


async def _listed(by: Caller, query: DeliveryQuery, partner_id: int | None) -> Listed[DeliverySummary]:
    async with by.begin() as tx:
        return Listed.of(await delivery_lists.list_deliveries(tx, query.filter(partner_id), query.page()))


@operators.get("/deliveries")
async def list_deliveries(by: By, query: Annotated[AnyDeliveryQuery, Query()]) -> Listed[DeliverySummary]:
    """All partners' deliveries, newest first."""
    return await _listed(by, query, query.partner_id)


@partners.get("/deliveries")
async def list_own_deliveries(by: By, query: Annotated[DeliveryQuery, Query()]) -> Listed[DeliverySummary]:
    """Deliveries to your endpoints, newest first."""
    return await _listed(by, query, by.partner_id)


async def _found(by: Caller, tx: Tx, delivery_id: int) -> DeliveryDetails:
    return await delivery_lists.show_delivery(tx, by.hub.vault, delivery_id, by.partner_id)


@operators.get("/deliveries/{delivery_id}", responses=problems.responses(404))
async def show_delivery(by: By, delivery_id: PathId) -> DeliveryDetails:
    """One delivery, without payload and answers: `POST /v1/deliveries/{delivery_id}/reveal` shows them too."""
    async with by.begin() as tx:
        found = await _found(by, tx, delivery_id)
    history = [replace(attempt, answer=None) for attempt in found.history]
    return replace(found, history=history, payload=None)


@partners.get("/deliveries/{delivery_id}", responses=problems.responses(404))
async def show_own_delivery(by: By, delivery_id: PathId) -> DeliveryDetails:
    """One delivery: every attempt, what was posted, what your endpoint answered."""
    async with by.begin() as tx:
        return await _found(by, tx, delivery_id)


@operators.post("/deliveries/{delivery_id}/reveal", responses=problems.responses(413, 415, 404))
async def reveal_delivery(by: By, delivery_id: PathId) -> DeliveryDetails:
    """One delivery with payload and answers. That you have seen them is kept in the audit list."""
    await by.read(Nothing)
    async with by.begin() as tx:
        found = await _found(by, tx, delivery_id)
        await audit.record(tx, by.actor, "delivery.reveal", delivery_id, partner_id=found.partner_id)
    return found


async def _again(by: Caller, delivery_id: int, again: Callable[..., Awaitable[None]]) -> Response:
    async def work(tx: Tx) -> DeliverySummary:
        await again(tx, by.actor, delivery_id, by.partner_id)
        return await delivery_lists.find_delivery(tx, delivery_id, by.partner_id)

    return await by.change(work)


@both.post("/deliveries/{delivery_id}/retry", response_model=DeliverySummary, **problems.change(404, 409))
async def retry_delivery(by: By, delivery_id: PathId) -> Response:
    """Make the next attempt now; one that failed gets all its attempts anew. 409 for one that was delivered."""
    return await _again(by, delivery_id, retries.retry_now)


@both.post("/deliveries/{delivery_id}/replay", response_model=DeliverySummary, **problems.change(404, 409))
async def replay_delivery(by: By, delivery_id: PathId) -> Response:
    """Send it again, also when it was delivered; its `webhook-id` stays, so that a repeat is recognised."""
    return await _again(by, delivery_id, retries.replay_delivery)
