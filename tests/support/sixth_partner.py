"""A made-up sixth partner: all that a new API needs besides its place in PARTNER_APIS."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel

from api import openapi
from api.auth import authenticate
from api.body import read_json
from api.services import Services, services
from api.submit import new_submission, submit
from hub import phones
from hub.contracts.registry import ClientField, Leads, PartnerApi, TenantDefaults
from hub.errors import Invalid
from hub.leads import ApiResponse, Created, NewLead, Result, Row, Tenant

QUEUE = "hotline"
EXAMPLE = {"caller": "Ann Lee", "tel": "020 7946 0123"}


class Callback(BaseModel):
    caller: str
    tel: str


class CallbackContract:
    """Translates callback requests, as hub/contracts/<name>.py does for a real partner."""

    def read(self, body: Any, tenant: Tenant, _campaign_id: int | None) -> list[Row]:
        phone = phones.parse(body["tel"], "GB")
        campaign = tenant.campaigns[QUEUE].id
        return [NewLead({"name": body["caller"], "phone": phone.e164}, phone, phone.e164, campaign)]

    def answer(self, _body: Any, results: Sequence[Result]) -> ApiResponse:
        [result] = results
        if isinstance(result, Created):
            return ApiResponse(202, {"ticket": result.lead_id})
        return ApiResponse(409, {"reason": "We call this number already."}, rejected=True)


SIXTH = PartnerApi(
    name="sixth",
    title="Sixth Callbacks",
    operations=("POST /callbacks",),
    prefixes=("/callbacks",),
    error_key="reason",
    key_header="X-Secret",
    handling=Leads(CallbackContract()),
    tenant=TenantDefaults(
        {"secret": ClientField.KEY, "queue": ClientField.CAMPAIGN}, rate_limit=7, campaigns=(QUEUE, "nights")
    ),
    wrong_method=(404, "There is only POST."),
    router=__name__,
)

router = APIRouter(tags=["Sixth"])
api_key = APIKeyHeader(name=SIXTH.key_header, scheme_name=SIXTH.name, auto_error=False)


@router.post(
    "/callbacks",
    status_code=202,
    responses=openapi.errors(SIXTH.error_key),
    openapi_extra=openapi.body(Callback, EXAMPLE),
)
async def request_callback(
    request: Request,
    hub: Annotated[Services, Depends(services)],
    key: Annotated[str | None, Security(api_key)],
) -> Response:
    holder = await authenticate(request, hub, key, SIXTH.name)
    body, value = await read_json(request)
    if not isinstance(value, dict) or not {"caller", "tel"} <= set(value):
        raise Invalid("caller, tel: are needed.")
    return await submit(request, hub, new_submission(request, hub, holder, body, weight=1))
