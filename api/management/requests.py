"""What partners sent: every request, refused ones too, and how much of the limit is used."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api import problems
from api.fields import Id, Moment, PathId, PathName, Text
from api.management.access import By, Nothing
from api.management.pages import Listed, PageQuery
from hub.store import audit, request_usage, requests
from hub.store.requests import Contents, RequestFilter, RequestState, RequestSummary

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


class Request(BaseModel):
    """One request and what became of it.

    `reasons`: why rows were refused or known before, at most 1,000. `contents`: whether body and answer are still kept;
    they are for 24 h. `lead_ids`: the first 100 of `lead_count`. `replay_of`: the request whose answer it was given.
    `requests`: how many like it the row stands for.
    """

    request_id: str
    created_at: datetime
    partner_id: int
    key_id: str
    api: str
    route: str
    state: RequestState
    status: int | None
    duration_ms: int | None
    created: int | None
    known: int | None
    refused: int | None
    was_late: bool
    requests: int
    reasons: list[dict[str, Any]]
    contents: Contents
    kept_until: datetime
    body: str | None
    answer: str | None
    lead_ids: list[int]
    lead_count: int
    discount_request_id: str | None
    replay_of: str | None


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
async def show_request(by: By, request_id: PathName) -> Request:
    """One request, without body and answer: `POST /v1/requests/{request_id}/reveal` tells them too."""
    async with by.begin() as tx:
        found = await requests.show_request(tx, by.hub.vault, request_id)
    return Request.model_validate(found.as_json() | {"body": None, "answer": None})


@partners.get("/requests/{request_id}", responses=problems.responses(404))
async def show_own_request(by: By, request_id: PathName) -> Request:
    """One request of yours, by the `X-Request-Id` of its answer, with what you sent and were answered in 24 h."""
    async with by.begin() as tx:
        return Request.model_validate(
            (await requests.show_request(tx, by.hub.vault, request_id, by.partner_id)).as_json()
        )


@operators.post("/requests/{request_id}/reveal", responses=problems.responses(413, 415, 404))
async def reveal_request(by: By, request_id: PathName) -> Request:
    """One request with body and answer, for 24 h. That you have seen them is kept in the audit list."""
    await by.read(Nothing)
    async with by.begin() as tx:
        found = await requests.show_request(tx, by.hub.vault, request_id)
        await audit.record(tx, by.actor, "request.reveal", request_id, partner_id=found.summary.partner_id)
    return Request.model_validate(found.as_json())


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
