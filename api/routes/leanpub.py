"""Leanpub's partner discounts: POST /api/v2/PartnerDiscountRequest."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, Field

from api import openapi
from api.auth import authenticate
from api.body import read_json
from api.exchange import exchange_of
from api.schedule_discount import DiscountRefused, NotScheduled, schedule_discount
from api.services import Services, services
from api.submit import new_submission
from hub.contracts import leanpub, registry
from hub.contracts.leanpub import RequestRefusal
from hub.errors import Unauthorized, Unavailable
from hub.store.keys import KeyHolder

log = structlog.get_logger()
API = registry.find("leanpub")
router = APIRouter(tags=["Leanpub"])
api_key = APIKeyHeader(name=API.key_header, scheme_name=API.name, auto_error=False, description="The partner's key")
EXAMPLE = {
    "partnerId": "acme",
    "origin": "shop.example.com",
    "productId": "foobar",
    "recipient": {"firstName": "John", "lastName": "Smith", "email": "john@example.com"},
}


class RecipientIn(BaseModel):
    """The buyer. Extended ASCII, after NFC; names that look like an address are refused."""

    firstName: str  # noqa: N815 - Leanpub's name
    lastName: str  # noqa: N815 - Leanpub's name
    email: str


class DiscountIn(BaseModel):
    """Without `sandboxMode` false, and a partner who is production-ready, nothing real happens."""

    productId: str  # noqa: N815 - Leanpub's name
    partnerId: str  # noqa: N815 - Leanpub's name
    origin: str
    transactionId: str = Field("", max_length=leanpub.LONGEST)  # noqa: N815 - Leanpub's name
    sandboxMode: bool = True  # noqa: N815 - Leanpub's name
    recipient: RecipientIn


class DiscountResponse(BaseModel):
    """`code` 0: acknowledged. Else 401 to 407: what is wrong; 501: nothing was promised, send it again."""

    code: int
    message: str
    requestId: str  # noqa: N815 - Leanpub's name


@router.post(
    leanpub.ROUTE,
    response_model=DiscountResponse,
    responses=openapi.errors(API.error_key, 400, 403, 409, 413, 422, 429),
    openapi_extra=openapi.body(DiscountIn, EXAMPLE),
)
async def request_discount(
    request: Request,
    hub: Annotated[Services, Depends(services)],
    key: Annotated[str | None, Security(api_key)],
) -> Response:
    """Ask for a discount. The buyer gets the coupon by mail; `discount.sent` or `discount.failed` follows."""
    try:
        holder = await authenticate(request, hub, key, API.name)
        return await _submit(request, hub, holder)
    except Unauthorized:
        return _refused(request, leanpub.INVALID_API_KEY)
    except DiscountRefused as refused:
        return _refused(request, refused.refusal)
    except (Unavailable, NotScheduled) as error:
        log.warning("not scheduled", failure=getattr(error, "failure", type(error).__name__))
        return _refused(request, leanpub.NOT_SCHEDULED)


async def _submit(request: Request, hub: Services, holder: KeyHolder) -> Response:
    body, value = await read_json(request)
    return await schedule_discount(request, hub, new_submission(request, hub, holder, body, weight=1), value)


def _refused(request: Request, refusal: RequestRefusal) -> JSONResponse:
    exchange_of(request).reasons = refusal.reasons
    return JSONResponse(refusal.body(request.state.request_id), refusal.http_status)
