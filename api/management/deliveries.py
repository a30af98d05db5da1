"""Webhooks sent or to be sent: each event to each endpoint, with every attempt; a partner its own."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from api import problems
from api.fields import Id, Moment, PathId, Text
from api.management.access import By, Caller, Nothing
from api.management.pages import Listed, PageQuery
from hub.store import audit, delivery_lists, retries
from hub.store.db.engine import Tx
from hub.store.delivery_lists import AttemptDetails, DeliveryDetails, DeliveryFilter, DeliverySummary
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


class DeliveryOut(BaseModel):
    """One delivery with every attempt, first attempt first.

    `event_id` is the `webhook-id`; `request_id` of the request that its lead came by, `discount_request_id` of its
    discount request. `payload` is what is posted, null when it is not kept any more.
    """

    id: int
    event_id: str
    type: str
    partner_id: int
    endpoint_id: int
    lead_id: int | None
    state: DeliveryState
    attempts: int
    status: int | None
    failure: str | None
    why: str | None
    next_at: datetime | None
    created_at: datetime
    url: str
    endpoint_disabled: bool
    request_id: str | None
    discount_request_id: str | None
    history: list[AttemptDetails]
    payload: Any


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
async def show_delivery(by: By, delivery_id: PathId) -> DeliveryOut:
    """One delivery, without payload and answers: `POST /v1/deliveries/{delivery_id}/reveal` shows them too."""
    async with by.begin() as tx:
        found = await _found(by, tx, delivery_id)
    history = [replace(attempt, answer=None) for attempt in found.history]
    return DeliveryOut.model_validate(replace(found, history=history, payload=None).as_json())


@partners.get("/deliveries/{delivery_id}", responses=problems.responses(404))
async def show_own_delivery(by: By, delivery_id: PathId) -> DeliveryOut:
    """One delivery: every attempt, what was posted, what your endpoint answered."""
    async with by.begin() as tx:
        return DeliveryOut.model_validate((await _found(by, tx, delivery_id)).as_json())


@operators.post("/deliveries/{delivery_id}/reveal", responses=problems.responses(413, 415, 404))
async def reveal_delivery(by: By, delivery_id: PathId) -> DeliveryOut:
    """One delivery with payload and answers. That you have seen them is kept in the audit list."""
    await by.read(Nothing)
    async with by.begin() as tx:
        found = await _found(by, tx, delivery_id)
        await audit.record(tx, by.actor, "delivery.reveal", delivery_id, partner_id=found.delivery.partner_id)
    return DeliveryOut.model_validate(found.as_json())


async def _again(by: Caller, delivery_id: int, again: Callable[..., Awaitable[None]]) -> Response:
    async def work(tx: Tx) -> DeliverySummary:
        await again(tx, by.actor, delivery_id, by.partner_id)
        return (await _found(by, tx, delivery_id)).delivery

    return await by.change(work)


@both.post("/deliveries/{delivery_id}/retry", response_model=DeliverySummary, **problems.change(404, 409))
async def retry_delivery(by: By, delivery_id: PathId) -> Response:
    """Make the next attempt now; one that failed gets all its attempts anew. 409 for one that was delivered."""
    return await _again(by, delivery_id, retries.retry_now)


@both.post("/deliveries/{delivery_id}/replay", response_model=DeliverySummary, **problems.change(404, 409))
async def replay_delivery(by: By, delivery_id: PathId) -> Response:
    """Send it again, also when it was delivered; its `webhook-id` stays, so that a repeat is recognised."""
    return await _again(by, delivery_id, retries.replay_delivery)
