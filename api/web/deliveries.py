"""Webhook deliveries: which arrived, every attempt with its answer; sent again by a click."""

import json

from fastapi import APIRouter, Request, Response

from api.fields import FilterId, PathId
from api.services import Services
from api.web.forms import read_form
from api.web.pages import page
from api.web.visitors import Hub, Operating, SignedIn, Visitor
from hub.errors import Conflict, NotFound
from hub.store import audit, delivery_lists, retries
from hub.store.delivery_lists import DeliveryFilter
from hub.store.paging import PageWanted
from hub.webhooks import EVENT_TYPES, DeliveryState

router = APIRouter(include_in_schema=False)


@router.get("/deliveries")
async def list_deliveries(
    hub: Hub,
    who: SignedIn,
    endpoint: FilterId = None,
    state: str = "",
    event: str = "",
    cursor: str | None = None,
) -> Response:
    """Newest first; of one endpoint, in one state, of one type."""
    wanted = DeliveryFilter(
        partner_id=who.partner_id,
        endpoint_id=endpoint,
        state=state if state in set(DeliveryState) else None,
        type=event if event in EVENT_TYPES else None,
    )
    async with hub.turns.begin(who.partner_id or 0) as tx:
        found = await delivery_lists.list_deliveries(tx, wanted, PageWanted.of(None, cursor))
    shown = {"endpoint": endpoint, "state": wanted.state, "event": wanted.type}
    query = "&".join(f"{name}={value}" for name, value in shown.items() if value)
    return page(who, "deliveries.html", found=found, shown=shown, query=query, states=list(DeliveryState),
                types=EVENT_TYPES)  # fmt: skip


@router.get("/deliveries/{delivery_id}")
async def show_delivery(hub: Hub, who: SignedIn, delivery_id: PathId) -> Response:
    return await _show(hub, who, delivery_id)


async def _show(hub: Services, who: Visitor, delivery_id: int, status: int = 200, *, notice: str | None = None,
                problem: str | None = None, revealed: bool = False) -> Response:  # fmt: skip
    async with hub.turns.begin(who.partner_id or 0) as tx:
        found = await delivery_lists.show_delivery(tx, hub.vault, delivery_id, who.partner_id)
        if revealed:
            partner_id = found.partner_id
            await audit.record(tx, who.actor, "delivery.reveal", delivery_id, partner_id=partner_id)
    payload = None if found.payload is None else json.dumps(found.payload, indent=2, ensure_ascii=False)
    return page(who, "delivery.html", status, found=found, payload=payload, notice=notice,
                problem=problem, revealed=revealed)  # fmt: skip


@router.post("/deliveries/{delivery_id}/{action}")
async def act(request: Request, hub: Hub, who: Operating, delivery_id: PathId, action: str) -> Response:
    """`retry` (the next attempt at once), `replay` (also what was delivered), `reveal` (payload and answers)."""
    await read_form(request, hub, who)
    if action == "reveal":
        return await _show(hub, who, delivery_id, revealed=True)
    again = {"retry": retries.retry_now, "replay": retries.replay_delivery}
    if action not in again:
        raise NotFound("There is no such action.")
    try:
        async with hub.turns.begin(who.partner_id or 0) as tx:
            await again[action](tx, who.actor, delivery_id, who.partner_id)
    except Conflict as error:
        return await _show(hub, who, delivery_id, error.status, problem=error.message)
    return await _show(hub, who, delivery_id, notice="It is being sent again, with the same webhook-id.")
