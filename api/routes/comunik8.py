"""Comunik8's Leads API: POST /lead/add and /lead/cancel."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader, APIKeyQuery

from api import openapi
from api.auth import authenticate
from api.body import read_json
from api.exchange import exchange_of
from api.services import Services, services
from api.submit import execute, new_submission, submit
from hub.contracts import comunik8, registry
from hub.leads import ApiResponse
from hub.store.db.engine import Tx
from hub.store.keys import KeyHolder
from hub.store.partners.comunik8 import NOT_SAVED, NotSaved, cancel
from hub.store.tenants import load_tenant

API = registry.find("comunik8")
router = APIRouter(tags=["Comunik8"])
in_query = APIKeyQuery(
    name="key",
    scheme_name="comunik8_query",
    auto_error=False,
    description="The partner's key, as Comunik8 documents it",
)
in_header = APIKeyHeader(
    name=API.key_header,
    scheme_name="comunik8_header",
    auto_error=False,
    description="The same key, out of sight of proxies' logs",
)
Hub = Annotated[Services, Depends(services)]

CANCELLATION = {"mobile": "02079460123", "type": "motor-trade"}
LEAD = {
    "first_name": "John",
    "surname": "Doe",
    "email": "john@example.com",
    **CANCELLATION,
    "subtype": "valeter",
    "delays": 600,
    "data": '{"vehicle_make":"Ford","addresss":"123 Greenacre Road"}',
}
FIELD_ERROR = {"type": "object", "required": ["0"], "properties": {"0": {"type": "string"}}}
FIELD_ERRORS = {
    "description": "Every failing field with its message; or what is wrong with the request, as `error`",
    "content": {
        "application/json": {
            "schema": {"type": "object", "additionalProperties": {"anyOf": [FIELD_ERROR, {"type": "string"}]}},
            "example": {"email": {"0": "Email cannot be blank."}},
        }
    },
}
RESPONSES = openapi.errors(API.error_key) | {400: FIELD_ERRORS}


async def caller(
    request: Request,
    hub: Hub,
    header: Annotated[str | None, Security(in_header)],
    query: Annotated[str | None, Security(in_query)],
) -> KeyHolder:
    """Whose key it is, wherever it came."""
    return await authenticate(request, hub, header or query, API.name)


Caller = Annotated[KeyHolder, Depends(caller)]


@router.post(
    "/lead/add",
    response_model=comunik8.Added | comunik8.Tested,
    responses=RESPONSES,
    openapi_extra=openapi.body(comunik8.LeadIn, LEAD),
)
async def add_lead(request: Request, hub: Hub, holder: Caller) -> Response:
    """Submit one lead. `test` checks the form and saves nothing."""
    body, value = await read_json(request)
    submission = new_submission(request, hub, holder, body, weight=1, one_row=True)
    if errors := comunik8.lead_errors(value):
        return _refused(request, errors)
    if comunik8.is_test(value):
        async with hub.turns.begin(submission.partner_id) as tx:
            tenant = await load_tenant(tx, submission.partner_id, shared_identity=False)
        exchange_of(request).tests()
        return _plain(comunik8.tested(value, tenant))
    return await submit(request, hub, submission)


@router.post(
    "/lead/cancel",
    response_model=comunik8.Cancelled,
    responses=RESPONSES,
    openapi_extra=openapi.body(comunik8.Cancellation, CANCELLATION),
)
async def cancel_lead(request: Request, hub: Hub, holder: Caller) -> Response:
    """Take a lead back. After `true` it is not called, even if its call was due this second."""
    body, value = await read_json(request)
    submission = new_submission(request, hub, holder, body, weight=1)
    if errors := comunik8.cancellation_errors(value):
        return _refused(request, errors)
    try:
        return await execute(request, hub, submission, lambda tx: _cancel(tx, hub, submission.partner_id, value))
    except NotSaved:
        # Nothing is kept of this request, so that its repeat is tried anew, whatever its Idempotency-Key.
        answer = comunik8.cancelled(NOT_SAVED)
        exchange_of(request).reasons = answer.rows.reasons
        return _plain(answer)


async def _cancel(tx: Tx, hub: Services, partner_id: int, value: dict[str, Any]) -> ApiResponse:
    return comunik8.cancelled(await cancel(tx, hub.vault, partner_id, value["type"], comunik8.phone_of(value)))


def _refused(request: Request, errors: comunik8.FieldErrors) -> JSONResponse:
    exchange_of(request).reasons = comunik8.reasons(errors)
    return JSONResponse(errors, 400)


def _plain(answer: ApiResponse) -> JSONResponse:
    return JSONResponse(answer.body, answer.status)
