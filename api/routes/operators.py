"""The hub's own API for operators, by a key of scope `admin` (`hub key create --admin`)."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from api import openapi
from api.auth import authenticate
from api.envelopes import DETAIL
from api.services import Services, services
from hub.store import erasure

bearer = HTTPBearer(scheme_name="operator", auto_error=False, description="An administrator's key")
Hub = Annotated[Services, Depends(services)]


async def operator(
    request: Request, hub: Hub, token: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]
) -> None:
    """Raises Unauthorized, Forbidden."""
    await authenticate(request, hub, token.credentials if token else None, "admin")


ERRORS = openapi.errors(DETAIL, 400, 401, 403, 404, 503)
router = APIRouter(prefix="/v1", tags=["Operators"], dependencies=[Depends(operator)], responses=ERRORS)


class ErasedLead(BaseModel):
    """A lead of which nothing personal is left since `erased_at`."""

    id: int
    erased_at: datetime


class ErasedDiscount(BaseModel):
    """A discount request of which nothing personal is left since `erased_at`."""

    request_id: str
    erased_at: datetime


@router.post("/leads/{lead_id}/erase")
async def erase_lead(hub: Hub, lead_id: int) -> ErasedLead:
    """Erase a lead of any API, by the hub's own id. No call to it starts any more. Erasing it again changes nothing."""
    async with hub.database.begin() as tx:
        return ErasedLead(id=lead_id, erased_at=await erasure.erase_lead(tx, hub.vault, lead_id))


@router.post("/discounts/{request_id}/erase")
async def erase_discount(hub: Hub, request_id: str) -> ErasedDiscount:
    """Erase the recipient of a discount request; a mail that has not gone out never does. Repeating changes nothing."""
    async with hub.database.begin() as tx:
        return ErasedDiscount(request_id=request_id, erased_at=await erasure.erase_discount(tx, request_id))
