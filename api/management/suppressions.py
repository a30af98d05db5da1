"""The do-not-call lists, asked about one number."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from api import problems
from api.fields import Id, Text
from api.management.access import By
from hub.store import do_not_call, lead_search
from hub.store.lead_search import LeadQuery

operators = APIRouter()


class NumberAsked(BaseModel):
    """Whose lists: with `partner_id` those that hold for this partner, its own and that of all; otherwise every one."""

    model_config = ConfigDict(extra="forbid")
    phone: Text = Field(description="In any spelling")
    region: Text | None = Field(None, description="Of a phone without its country code, as GB")
    partner_id: Id | None = None


class SuppressionEntry(BaseModel):
    """On whose list it is; `partner_id` null: on that of all partners."""

    partner_id: int | None
    reason: str
    since: datetime


class Suppressed(BaseModel):
    suppressed: bool
    entries: list[SuppressionEntry]


@operators.post("/suppressions/check", **problems.asked_by(NumberAsked, {"phone": "020 7946 0123", "region": "GB"}))
async def check_suppression(by: By) -> Suppressed:
    """Whether a number is not to be called: on whose list, since when and why. It is in the body: URLs end in logs."""
    _, asked = await by.read(NumberAsked)
    query = LeadQuery(phone=asked.phone, region=asked.region, partner_id=asked.partner_id)
    async with by.begin() as tx:
        hashes = await lead_search.phone_hashes(tx, by.hub.vault, query)
        found = await do_not_call.find(tx, hashes, asked.partner_id)
    entries = [
        SuppressionEntry(partner_id=each.partner_id, reason=each.reason, since=each.created_at) for each in found
    ]
    return Suppressed(suppressed=bool(entries), entries=entries)
