"""Leads: found, shown, acted upon."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from api import problems
from api.fields import Id, PathId, Text
from api.management.access import By, Nothing
from api.management.pages import Listed, PageQuery
from api.management.stories import StoryEntry, StoryNow
from hub.store import lead_actions, lead_search, timelines
from hub.store.db.engine import Tx
from hub.store.lead_actions import LeadAnswer
from hub.store.lead_search import FoundLead, LeadQuery

operators = APIRouter()
partners = APIRouter()
both = APIRouter()
CHANGE: Final = problems.change(404)
EXAMPLE: Final = {"phone": "020 7946 0123", "region": "GB"}


class LeadSearch(PageQuery):
    """What is known of the leads: all that is given holds of each of them."""

    phone: Annotated[Text | None, Field(description="In any spelling")] = None
    region: Annotated[Text | None, Field(description="Of a phone without its country code, as GB")] = None
    email: Text | None = None
    request_id: Annotated[Text | None, Field(description="The `X-Request-Id` of a request that named it")] = None
    reference: Annotated[Text | None, Field(description="Its partner's own id of it")] = None
    lead_id: Id | None = None
    event_id: Annotated[Text | None, Field(description="A webhook's `webhook-id`")] = None
    delivery_id: Id | None = None

    def query(self, partner_id: int | None) -> LeadQuery:
        given = self.model_dump(exclude={"limit", "cursor", "partner_id"})
        return LeadQuery(**given, partner_id=partner_id)


class AnyLeadSearch(LeadSearch):
    """As of a partner's leads, among all of them."""

    partner_id: Id | None = None


class LeadOut(BaseModel):
    """All about a lead, masked: from the request that brought it to the last webhook."""

    id: int
    api: str
    partner_id: int
    partner: str
    campaign: str | None
    reference: str | None
    request_id: str | None
    row: int | None
    phone: str | None
    name: str | None
    email: str | None
    state: str
    outcome: str | None
    attempts: int
    created_at: datetime
    zones: list[str]
    now: StoryNow
    timeline: list[StoryEntry]


class ErasedLead(BaseModel):
    """A lead of which nothing personal is left since `erased_at`."""

    id: int
    erased_at: datetime


class RevealedLead(BaseModel):
    """Everything personal that is kept of a lead: as its sender sent it, and the dialers' notes of its calls."""

    id: int
    person: Any
    responses: Any


async def _found(by: By, search: LeadSearch, partner_id: int | None) -> Listed[FoundLead]:
    async with by.begin() as tx:
        return Listed.of(await lead_search.find_leads(tx, by.hub.vault, search.query(partner_id), search.page()))


@operators.get("/leads")
async def find_leads(by: By, search: Annotated[AnyLeadSearch, Query()]) -> Listed[FoundLead]:
    """Find leads of any partner. URLs end in logs of proxies: search by phone or mail with `POST /v1/leads/search`."""
    return await _found(by, search, search.partner_id)


@operators.post("/leads/search", **problems.asked_by(AnyLeadSearch, EXAMPLE))
async def search_leads(by: By) -> Listed[FoundLead]:
    """Find leads of any partner by what the body says, so that it is in no URL."""
    _, search = await by.read(AnyLeadSearch)
    return await _found(by, search, search.partner_id)


@partners.get("/leads")
async def find_own_leads(by: By, search: Annotated[LeadSearch, Query()]) -> Listed[FoundLead]:
    """Find leads of yours. URLs end in logs: search by phone or mail with `POST /v1/partner/leads/search`."""
    return await _found(by, search, by.partner_id)


@partners.post("/leads/search", **problems.asked_by(LeadSearch, EXAMPLE))
async def search_own_leads(by: By) -> Listed[FoundLead]:
    """Find leads of yours by what the body says, so that it is in no URL."""
    _, search = await by.read(LeadSearch)
    return await _found(by, search, by.partner_id)


@both.get("/leads/{lead_id}", responses=problems.responses(404))
async def show_lead(by: By, lead_id: PathId) -> LeadOut:
    """What happened to a lead, how it stands, and what comes next. Nothing personal is shown in full."""
    async with by.begin() as tx:
        story = await timelines.lead_story(tx, by.hub.vault, lead_id, by.partner_id)
    return LeadOut.model_validate(story.as_json())


@operators.post("/leads/{lead_id}/stop", response_model=LeadAnswer, **CHANGE)
async def stop_lead(by: By, lead_id: PathId) -> Response:
    """No call to it starts any more; one that a dialer is making may end. A lead that is closed stays as it is."""

    async def work(tx: Tx) -> LeadAnswer:
        return await lead_actions.stop_lead(tx, by.hub.vault, by.actor, lead_id)

    return await by.change(work)


@operators.post("/leads/{lead_id}/call-now", response_model=LeadAnswer, **problems.change(404, 409))
async def call_now(by: By, lead_id: PathId) -> Response:
    """Make it due now. Its rules still judge: hours, do-not-call and limits hold; the answer says which."""
    always_open = by.hub.settings.always_open

    async def work(tx: Tx) -> LeadAnswer:
        return await lead_actions.call_now(tx, by.actor, lead_id, always_open=always_open)

    return await by.change(work)


@operators.post("/leads/{lead_id}/erase", response_model=ErasedLead, **CHANGE)
async def erase_lead(by: By, lead_id: PathId) -> Response:
    """Erase a lead of any API, by the hub's own id. No call to it starts any more. Erasing it again changes nothing."""

    async def work(tx: Tx) -> ErasedLead:
        erased_at = await lead_actions.erase_lead(tx, by.hub.vault, by.actor, lead_id)
        return ErasedLead(id=lead_id, erased_at=erased_at)

    return await by.change(work)


@operators.post("/leads/{lead_id}/reveal", responses=problems.responses(413, 415, 404, 409))
async def reveal_lead(by: By, lead_id: PathId) -> RevealedLead:
    """Everything personal of a lead, in plain text. That you have seen it is kept in the audit list."""
    await by.read(Nothing)
    async with by.begin() as tx:
        return RevealedLead(**await lead_actions.reveal_lead(tx, by.hub.vault, by.actor, lead_id))
