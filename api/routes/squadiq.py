"""SquadIQ's Leads v4: POST create, disable, delete and convert, PATCH update, GET responses, each of a campaign."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api import openapi
from api.auth import authenticate
from api.body import read_parsed
from api.cpu import off_loop
from api.services import Services, services
from api.submit import count, execute, new_submission, submit
from hub import strictjson
from hub.contracts import registry
from hub.contracts import squadiq_bodies as bodies
from hub.contracts import squadiq_models as models
from hub.contracts.squadiq import result
from hub.contracts.squadiq_query import Cursor, parse_query
from hub.errors import Forbidden, Unauthorized
from hub.leads import ApiResponse
from hub.reasons import RowCounts
from hub.store import results
from hub.store.db.engine import Tx
from hub.store.keys import KeyHolder
from hub.store.partners import squadiq as store
from hub.store.partners.squadiq import CampaignScope
from hub.store.results import SealedResult, opened
from hub.store.submissions import NewSubmission

PATH: Final = "/api/v4/leads"
API = registry.find("squadiq")
router = APIRouter(prefix=PATH, tags=["SquadIQ"])
bearer = HTTPBearer(scheme_name=API.name, auto_error=False, description="The tenant's access token")
Hub = Annotated[Services, Depends(services)]

NAMED = {"lead_id": "uniqueleadid1"}
LEAD = {**NAMED, "phone_number": "+919840012345", "contact_name": "John Doe", "city": "Chennai"}
VALIDATION_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": models.FieldErrors, "description": "What is wrong in which row and field; nothing was changed"}
}
RESPONSES = {**openapi.errors(API.error_key, 403, 409, 413, 422, 429, 503), **VALIDATION_ERRORS}
OF_ONE = {**RESPONSES, **openapi.errors(API.error_key, 404)}


@dataclass(frozen=True, slots=True)
class Sender:
    """Who calls, and the campaign of theirs that the path names."""

    holder: KeyHolder
    scope: CampaignScope

    def submission(self, request: Request, hub: Services, body: bytes, *, one_row: bool = False) -> NewSubmission:
        campaign_id = self.scope.campaign.id
        return new_submission(request, hub, self.holder, body, weight=1, campaign_id=campaign_id, one_row=one_row)


async def sender(
    request: Request,
    hub: Hub,
    campaign_id: str,
    token: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
) -> Sender:
    """Raises Forbidden for an invalid token, and for a campaign that is not the token's."""
    try:
        holder = await authenticate(request, hub, token.credentials if token else None, API.name)
    except Unauthorized:
        raise Forbidden("Missing or invalid access token.") from None
    assert holder.partner_id is not None  # noqa: S101 - a partner's key, by its scope
    async with hub.turns.begin(holder.partner_id) as tx:
        return Sender(holder, await store.find_scope(tx, holder.partner_id, campaign_id))


From = Annotated[Sender, Depends(sender)]


@router.post(
    "/create/{campaign_id}",
    status_code=201,
    response_model=models.CreatedLeads,
    responses=OF_ONE,  # 404: a repeat of what was erased since
    openapi_extra=openapi.body(models.LeadsIn, [LEAD, {**LEAD, "lead_id": "uniqueleadid2"}]),
)
async def create_leads(request: Request, hub: Hub, by: From) -> Response:
    """Create all leads of the array, or none of them."""
    body, rows = await read_parsed(request, partial(bodies.validate_leads, campaign=by.scope.campaign))
    return await submit(request, hub, by.submission(request, hub, body, one_row=len(rows) == 1))


@router.get(
    "/responses/{campaign_id}", response_model=models.Responses, responses=RESPONSES, openapi_extra=models.QUERY
)
async def list_responses(request: Request, hub: Hub, by: From) -> Response:
    """The processed leads, first processed first; with `lead_id` that one, processed or not."""
    query = parse_query(request.query_params)
    await count(request, hub, by.submission(request, hub, b""))
    async with hub.turns.begin(by.scope.tenant.id) as tx:
        page = await store.responses(tx, hub.vault, by.scope, query)
        first, *others = [*page.parts()] or [[]]
        sealed = await results.load_part(tx, first)
    following = previous = None
    if page.last and page.more:
        following = _page(request, hub, by, query.page + 1, Cursor(True, *page.last))
    if query.page > 1:
        previous = _page(request, hub, by, query.page - 1, Cursor(False, *page.first) if page.first else None)
    head = {"count": page.total, "next": following, "previous": previous}
    begin = strictjson.dumps(head)[:-1] + b',"results":['
    encoded = await _encoded(hub, sealed)
    if not others:
        return Response(begin + encoded + b"]}", media_type="application/json")
    return StreamingResponse(_streamed(hub, by, begin + encoded, others), media_type="application/json")


async def _streamed(hub: Services, by: Sender, begin: bytes, parts: Sequence[Sequence[int]]) -> AsyncIterator[bytes]:
    """A large page, never all of it in memory. A part that can't be read ends the connection: it would be missing."""
    yield begin
    some = not begin.endswith(b"[")
    for part in parts:
        async with hub.turns.begin(by.scope.tenant.id) as tx:
            sealed = await results.load_part(tx, part)
        encoded = await _encoded(hub, sealed)
        yield b"," + encoded if some and encoded else encoded
        some = some or bool(encoded)
    yield b"]}"


async def _encoded(hub: Services, sealed: Sequence[SealedResult]) -> bytes:
    """The leads as JSON, with commas between. Off the event loop: opening a page of large leads takes long.

    Lead by lead: the interpreter turns to other threads between two, but not within one.
    """
    return await off_loop(lambda: b",".join(strictjson.dumps(result(record)) for record in opened(sealed, hub.vault)))


def _page(request: Request, hub: Services, by: Sender, number: int, cursor: Cursor | None) -> str:
    """The address of another page, with the filters of this one."""
    others = {name: value for name, value in request.query_params.items() if name not in {"page", "cursor"}}
    place = {"page": number} | ({"cursor": str(cursor)} if cursor else {})
    campaign = quote(by.scope.campaign.public_id, safe="")
    return f"{hub.settings.public_url}{PATH}/responses/{campaign}/?{urlencode({**others, **place})}"


@router.post(
    "/disable/{campaign_id}",
    status_code=201,
    response_model=models.Disabled,
    responses=RESPONSES,
    openapi_extra=openapi.body(models.NamedLeads, [NAMED]),
)
async def disable_leads(request: Request, hub: Hub, by: From) -> Response:
    """Stop all reach-outs: no call to any of them starts after the answer."""
    body, references = await read_parsed(request, bodies.parse_disable)

    async def action(tx: Tx) -> ApiResponse:
        disabled = await store.disable(tx, hub.vault, by.scope, references)
        return ApiResponse(201, {"disabled": disabled}, rows=RowCounts(known=disabled))

    return await execute(request, hub, by.submission(request, hub, body), action)


@router.post(
    "/delete/{campaign_id}",
    status_code=202,
    response_model=models.Done,
    responses=OF_ONE,
    openapi_extra=openapi.body(models.NamedLead, NAMED),
)
async def delete_lead(request: Request, hub: Hub, by: From) -> Response:
    """Erase all that is known of the lead's person, and stop all reach-outs. It can't be undone."""
    body, lead_id = await read_parsed(request, bodies.parse_delete)

    async def action(tx: Tx) -> ApiResponse:
        await store.delete(tx, hub.vault, by.scope, lead_id)
        return ApiResponse(202, {"lead_id": lead_id}, rows=RowCounts(known=1))

    return await execute(request, hub, by.submission(request, hub, body), action)


@router.patch(
    "/update/{campaign_id}",
    response_model=models.Done,
    responses=OF_ONE,
    openapi_extra=openapi.body(models.LeadUpdate, {**NAMED, "phone_number": "+919840012346"}),
)
async def update_lead(request: Request, hub: Hub, by: From) -> Response:
    """Change what is sent, keep the rest. A call that waits goes to the new number."""
    body, update = await read_parsed(request, partial(bodies.parse_update, campaign=by.scope.campaign))

    async def action(tx: Tx) -> ApiResponse:
        lead = await store.update_lead(tx, hub.vault, by.scope, update)
        return ApiResponse(200, {"lead_id": update.lead_id}, lead, rows=RowCounts(known=1))

    return await execute(request, hub, by.submission(request, hub, body), action)


@router.post(
    "/convert/{campaign_id}",
    response_model=models.Done,
    responses=OF_ONE,
    openapi_extra=openapi.body(models.Conversion, {**NAMED, "detail": "policy_sold"}),
)
async def convert_lead(request: Request, hub: Hub, by: From) -> Response:
    """Mark the lead as converted by you. It is not called any more."""
    body, (lead_id, detail) = await read_parsed(request, bodies.parse_conversion)

    async def action(tx: Tx) -> ApiResponse:
        lead = await store.convert(tx, hub.vault, by.scope, lead_id, detail)
        return ApiResponse(200, {"lead_id": lead_id}, lead, rows=RowCounts(known=1))

    return await execute(request, hub, by.submission(request, hub, body), action)
