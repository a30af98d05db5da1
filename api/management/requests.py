"""What partners sent: every request, refused ones too, and how much of the limit is used."""

from dataclasses import replace
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api import problems
from api.fields import Id, Moment, PathId, PathName, Text
from api.management.access import By, Nothing
from api.management.pages import Listed, PageQuery
from hub.store import audit, request_usage, requests
from hub.store.requests import RequestDetail, RequestFilter, RequestSummary

operators = APIRouter()
partners = APIRouter()


class RequestQuery(PageQuery):
    """Which requests. `refused`: only those of which nothing came.

    With `status` a page may have fewer than `limit`, or none, and still a `next`: 10,000 are looked at for each.
    """

    status: Annotated[int | None, Field(ge=100, le=599, description="The HTTP status answered")] = None
    refused: bool = False
    since: Moment | None = None

    def filter(self, partner_id: int | None, api: str | None = None) -> RequestFilter:
        return RequestFilter(partner_id, api, self.status, self.refused, self.since)


class AnyRequestQuery(RequestQuery):
    partner_id: Id | None = None
    api: Text | None = None


class DayOfUse(BaseModel):
    """One day (UTC): requests by class of status, and rows by what became of them."""

    day: date
    requests: int
    created: int
    known: int
    refused: int
    rows: int
    statuses: dict[str, int]


class UsageOut(BaseModel):
    """`used` of `limit` within the last 60 s; the oldest of it counts no more at `resets_at`. Days: the last 30."""

    limit: int
    used: int
    resets_at: datetime | None
    days: list[DayOfUse]


@operators.get("/requests")
async def list_requests(by: By, query: Annotated[AnyRequestQuery, Query()]) -> Listed[RequestSummary]:
    """All partners' requests, newest first."""
    async with by.begin() as tx:
        return Listed.of(await requests.list_requests(tx, query.filter(query.partner_id, query.api), query.page()))


@partners.get("/requests")
async def list_own_requests(by: By, query: Annotated[RequestQuery, Query()]) -> Listed[RequestSummary]:
    """Your requests, newest first: those that were refused too."""
    async with by.begin() as tx:
        return Listed.of(await requests.list_requests(tx, query.filter(by.partner_id), query.page()))


@operators.get("/requests/{request_id}", responses=problems.responses(404))
async def show_request(by: By, request_id: PathName) -> RequestDetail:
    """One request, without body and answer: `POST /v1/requests/{request_id}/reveal` shows them too."""
    async with by.begin() as tx:
        found = await requests.show_request(tx, by.hub.vault, request_id)
    return replace(found, body=None, answer=None)


@partners.get("/requests/{request_id}", responses=problems.responses(404))
async def show_own_request(by: By, request_id: PathName) -> RequestDetail:
    """One request of yours, by the `X-Request-Id` of its answer, with what you sent and were answered in 24 h."""
    async with by.begin() as tx:
        return await requests.show_request(tx, by.hub.vault, request_id, by.partner_id)


@operators.post("/requests/{request_id}/reveal", responses=problems.responses(413, 415, 404))
async def reveal_request(by: By, request_id: PathName) -> RequestDetail:
    """One request with body and answer, for 24 h. That you have seen them is kept in the audit list."""
    await by.read(Nothing)
    async with by.begin() as tx:
        found = await requests.show_request(tx, by.hub.vault, request_id)
        await audit.record(tx, by.actor, "request.reveal", request_id, partner_id=found.partner_id)
    return found


@partners.get("/usage")
async def show_own_usage(by: By) -> UsageOut:
    """What you have used of your API's limit, and what you sent on each of the last 30 days."""
    return await _usage(by, by.partner_id or 0)


@operators.get("/partners/{partner_id}/usage", responses=problems.responses(404))
async def show_usage(by: By, partner_id: PathId) -> UsageOut:
    """What a partner has used of its limit, and what it sent on each of the last 30 days."""
    return await _usage(by, partner_id)


async def _usage(by: By, partner_id: int) -> UsageOut:
    async with by.begin() as tx:
        return UsageOut.model_validate((await request_usage.usage(tx, partner_id)).as_json())
