"""Requests: all of them, refused ones too, with the reason of each row. In a portal the partner's own."""

from fastapi import APIRouter, Request, Response

from api.fields import FilterId, PathName
from api.web.forms import read_form
from api.web.pages import page
from api.web.visitors import Hub, Operating, SignedIn
from hub.store import audit, requests
from hub.store.paging import PageWanted
from hub.store.requests import RequestFilter

router = APIRouter(include_in_schema=False)


@router.get("/requests")
async def list_requests(
    hub: Hub,
    who: SignedIn,
    partner: FilterId = None,
    refused: bool = False,
    cursor: str | None = None,
) -> Response:
    """Newest first; `refused` alone those that were turned down."""
    wanted = RequestFilter(partner_id=who.partner_id or partner, refused_only=refused)
    async with hub.turns.begin(who.partner_id or 0) as tx:
        found = await requests.list_requests(tx, wanted, PageWanted.of(None, cursor))
    shown = {"partner": partner if who.partner_id is None else None, "refused": 1 if refused else None}
    query = "&".join(f"{name}={value}" for name, value in shown.items() if value)
    return page(who, "requests.html", found=found, refused=refused, partner=shown["partner"], query=query)


@router.get("/requests/{request_id}")
async def show_request(hub: Hub, who: SignedIn, request_id: PathName) -> Response:
    """What is known of it without its body and answer."""
    async with hub.turns.begin(who.partner_id or 0) as tx:
        found = await requests.show_request(tx, hub.vault, request_id, who.partner_id)
    return page(who, "request.html", found=found, revealed=False)


@router.post("/requests/{request_id}/reveal")
async def reveal_request(request: Request, hub: Hub, who: Operating, request_id: PathName) -> Response:
    """Body and answer too: they hold personal data, so that the audit notes who saw them."""
    await read_form(request, hub, who)
    async with hub.turns.begin(who.partner_id or 0) as tx:
        found = await requests.show_request(tx, hub.vault, request_id, who.partner_id)
        await audit.record(tx, who.actor, "request.reveal", request_id, partner_id=found.partner_id)
    return page(who, "request.html", found=found, revealed=True)
