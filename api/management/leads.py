"""Leads: found, told of, acted upon."""

from datetime import datetime

from fastapi import APIRouter, Response
from pydantic import BaseModel

from api import problems
from api.fields import PathId
from api.management.access import By
from hub.store import audit, erasure
from hub.store.db.engine import Tx

operators = APIRouter()
CHANGE = problems.change(404)


class ErasedLead(BaseModel):
    """A lead of which nothing personal is left since `erased_at`."""

    id: int
    erased_at: datetime


@operators.post("/leads/{lead_id}/erase", response_model=ErasedLead, **CHANGE)
async def erase_lead(by: By, lead_id: PathId) -> Response:
    """Erase a lead of any API, by the hub's own id. No call to it starts any more. Erasing it again changes nothing."""

    async def work(tx: Tx) -> ErasedLead:
        await audit.record(tx, by.actor, "lead.erase", lead_id)
        return ErasedLead(id=lead_id, erased_at=await erasure.erase_lead(tx, by.hub.vault, lead_id))

    return await by.change(b"", work)
