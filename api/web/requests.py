"""Requests: all of them, refused ones too, with the reason of each row. In a portal the partner's own."""

from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from api.fields import FilterId, FilterText, PathName
from api.web.forms import read_form
from api.web.pages import page
from api.web.visitors import Hub, Operating, SignedIn
from hub.errors import Invalid
from hub.store import audit, refusals, requests
from hub.store.paging import PageWanted
from hub.store.requests import RequestFilter

router = APIRouter(include_in_schema=False)


@router.get("/requests")
async def list_requests(
    hub: Hub,
    who: SignedIn,
    partner: FilterId = None,
    refused: bool = False,
    reason: FilterText = "",
    cursor: str | None = None,
) -> Response:
    """Newest first; `refused`: those that were turned down; `reason`: a partner's of 7 days, by why they were."""
    owner, wanted = who.partner_id or partner, PageWanted.of(None, cursor)
    if reason and owner is None:
        raise Invalid("is needed with a reason.", field="partner")
    async with hub.turns.begin(who.partner_id or 0) as tx:
        if owner is not None and reason:
            found = await refusals.list_requests(tx, owner, reason, wanted)
        else:
            found = await requests.list_requests(tx, RequestFilter(partner_id=owner, refused_only=refused), wanted)
    shown = {"partner": partner if who.partner_id is None else None, "refused": 1 if refused else None,
             "reason": reason or None}  # fmt: skip
    query = urlencode({name: value for name, value in shown.items() if value})
    return page(who, "requests.html", found=found, refused=refused, reason=reason, partner=shown["partner"],
                query=query)  # fmt: skip


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
