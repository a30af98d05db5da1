"""Discount requests, by the `requestId` that their sender was answered."""

from datetime import datetime

from fastapi import APIRouter, Response
from pydantic import BaseModel

from api import problems
from api.fields import PathName
from api.management.access import By
from hub.store import audit, erasure
from hub.store.db.engine import Tx

operators = APIRouter()
CHANGE = problems.change(404)


class ErasedDiscount(BaseModel):
    """A discount request of which nothing personal is left since `erased_at`."""

    request_id: str
    erased_at: datetime


@operators.post("/discounts/{request_id}/erase", response_model=ErasedDiscount, **CHANGE)
async def erase_discount(by: By, request_id: PathName) -> Response:
    """Erase the recipient of a discount request; a mail that has not gone out never does. Repeating changes nothing."""

    async def work(tx: Tx) -> ErasedDiscount:
        await audit.record(tx, by.actor, "discount.erase", request_id)
        return ErasedDiscount(request_id=request_id, erased_at=await erasure.erase_discount(tx, request_id))

    return await by.change(b"", work)
