"""Margav's dialer API: POST /api/leads/from-dialer/."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.security import APIKeyHeader

from api import openapi
from api.auth import authenticate
from api.body import read_json
from api.services import Services, services
from api.submit import new_submission, submit
from hub import strictjson
from hub.contracts import margav, registry

API = registry.find("margav")
router = APIRouter(tags=["Margav"])
api_key = APIKeyHeader(name=API.key_header, scheme_name=API.name, auto_error=False, description="The dialer's key")
EXAMPLE = {
    "dialer_user_id": "vicidial_user_123",
    "lead_id": "DIALER_12345",
    "full_name": "John Smith",
    "phone": "+442079460123",
    "email": "john@example.com",
    "comments": "Interested in solar panels",
}
CREATED = 201


@router.post(
    "/api/leads/from-dialer",
    status_code=CREATED,
    response_model=margav.ReportAccepted,
    responses=openapi.errors(API.error_key, *openapi.COMMON, 404),
    openapi_extra=openapi.body(margav.DialerReport, EXAMPLE),
)
async def report_lead(
    request: Request,
    hub: Annotated[Services, Depends(services)],
    key: Annotated[str | None, Security(api_key)],
) -> Response:
    """Report that an agent clicked "Interested". Creates the lead or adds to it; blank fields overwrite nothing."""
    holder = await authenticate(request, hub, key, API.name)
    body, value = await read_json(request)
    margav.parse(value)
    answer = await submit(request, hub, new_submission(request, hub, holder, body, weight=1, one_row=True))
    return answer if answer.status_code != CREATED else _with_host(answer, hub.settings.public_url)


def _with_host(answer: Response, public_url: str) -> Response:
    """The stored answer with its `redirect_url` made absolute."""
    stored = strictjson.loads_stored(bytes(answer.body))
    assert isinstance(stored, dict)  # noqa: S101 - margav.answer made it
    body = strictjson.dumps(stored | {"redirect_url": f"{public_url}{stored['redirect_url']}"})
    return Response(body, answer.status_code, media_type="application/json")
