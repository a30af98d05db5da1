"""Partner API: POST /api/leads/partner-transfer."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.security import APIKeyHeader

from api import openapi
from api.auth import authenticate
from api.body import read_parsed
from api.services import Services, services
from api.submit import new_submission, submit
from hub.contracts import registry
from hub.contracts.partner_api import Transfer, Transferred, parse

API = registry.find("partner_api")
router = APIRouter(tags=["Partner API"])
api_key = APIKeyHeader(name=API.key_header, scheme_name=API.name, auto_error=False, description="The partner's key")
EXAMPLE = {
    "leads": [
        {"name": "John Doe", "phone": "+442079460123", "email": "john@example.com"},
        {"name": "Jane Smith", "phone": "+12025550123", "email": "jane@example.com"},
    ]
}


@router.post(
    "/api/leads/partner-transfer",
    response_model=Transferred,
    responses=openapi.errors(API.error_key),
    openapi_extra=openapi.body(Transfer, EXAMPLE),
)
async def transfer_leads(
    request: Request,
    hub: Annotated[Services, Depends(services)],
    key: Annotated[str | None, Security(api_key)],
) -> Response:
    """Submit leads in bulk. Each row is created, skipped (its phone number exists) or failed; see `errors`."""
    holder = await authenticate(request, hub, key, API.name)
    body, rows = await read_parsed(request, parse)
    weight = max(1, len(rows))
    return await submit(request, hub, new_submission(request, hub, holder, body, weight=weight, one_row=len(rows) == 1))
