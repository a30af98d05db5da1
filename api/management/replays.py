"""Replays: the events of a range sent to an endpoint again, counted before, paced, paused."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api import problems
from api.fields import Id, Moment, PathId, Text
from api.management.access import By, Caller
from api.management.pages import Listed, PageQuery
from hub.replays import DEFAULT_PACE, MOST_PACE
from hub.store import replays
from hub.store.db.engine import Tx
from hub.store.replays import ReplayRequest, ReplaySummary

operators = APIRouter()
partners = APIRouter()
both = APIRouter()
NEW = {"endpoint_id": 1, "since": "2026-01-31T09:00:00Z", "failed_only": True, "dry_run": True}


class NewReplay(BaseModel):
    """Which events: recorded from `since` on and before `until` (null: now), of these types (none: all it takes).

    With `failed_only` those that were attempted without success or wait; without it delivered ones too, and those that
    the endpoint never got. `pace`: at most so many a second. With `dry_run` they are only counted.
    """

    model_config = ConfigDict(extra="forbid")
    endpoint_id: Id
    since: Moment
    until: Moment | None = None
    types: Annotated[list[Text], Field(max_length=100)] = []
    failed_only: bool = False
    pace: Annotated[int, Field(ge=1, le=MOST_PACE)] = DEFAULT_PACE
    dry_run: bool = False

    def wanted(self) -> ReplayRequest:
        return ReplayRequest(self.endpoint_id, self.since, self.until, self.types, self.failed_only, self.pace)


class ReplayQuery(PageQuery):
    endpoint_id: Id | None = None


class AnyReplayQuery(ReplayQuery):
    partner_id: Id | None = None


class CountedReplay(BaseModel):
    """How many deliveries the replay would make."""

    endpoint_id: int
    total: int


COUNTED = {"model": CountedReplay, "description": "Only counted"}


async def _listed(by: Caller, query: ReplayQuery, partner_id: int | None) -> Listed[ReplaySummary]:
    async with by.begin() as tx:
        found = await replays.list_replays(tx, query.page(), partner_id=partner_id, endpoint_id=query.endpoint_id)
    return Listed.of(found)


@operators.get("/replays")
async def list_replays(by: By, query: Annotated[AnyReplayQuery, Query()]) -> Listed[ReplaySummary]:
    """All partners' replays with their progress, newest first."""
    return await _listed(by, query, query.partner_id)


@partners.get("/replays")
async def list_own_replays(by: By, query: Annotated[ReplayQuery, Query()]) -> Listed[ReplaySummary]:
    """Your replays with their progress, newest first."""
    return await _listed(by, query, by.partner_id)


@both.post(
    "/replays",
    status_code=201,
    response_model=ReplaySummary,
    **problems.change_by(NewReplay, NEW, 404, 409, more={200: COUNTED}),
)
async def create_replay(by: By) -> Response:
    """Send the events of a range to an endpoint again; with `dry_run` only count them. One at a time per endpoint."""
    body, new = await by.read(NewReplay)

    async def count(tx: Tx) -> Any:
        total = await replays.count_replay(tx, new.wanted(), by.partner_id)
        return CountedReplay(endpoint_id=new.endpoint_id, total=total)

    async def create(tx: Tx) -> Any:
        return await replays.create_replay(tx, by.actor, new.wanted(), by.partner_id)

    return await (by.change(count, body=body) if new.dry_run else by.change(create, 201, body=body))


@both.get("/replays/{replay_id}", responses=problems.responses(404))
async def show_replay(by: By, replay_id: PathId) -> ReplaySummary:
    """One replay with its progress."""
    async with by.begin() as tx:
        return await replays.show_replay(tx, replay_id, by.partner_id)


async def _changed(by: Caller, replay_id: int, change: Callable[..., Awaitable[ReplaySummary]]) -> Response:
    async def work(tx: Tx) -> ReplaySummary:
        return await change(tx, by.actor, replay_id, by.partner_id)

    return await by.change(work)


@both.post("/replays/{replay_id}/pause", response_model=ReplaySummary, **problems.change(404, 409))
async def pause_replay(by: By, replay_id: PathId) -> Response:
    """Send nothing more of it until it is resumed. 409 when it has ended."""
    return await _changed(by, replay_id, replays.pause_replay)


@both.post("/replays/{replay_id}/resume", response_model=ReplaySummary, **problems.change(404, 409))
async def resume_replay(by: By, replay_id: PathId) -> Response:
    """Go on where it was paused. 409 when it has ended."""
    return await _changed(by, replay_id, replays.resume_replay)


@both.post("/replays/{replay_id}/cancel", response_model=ReplaySummary, **problems.change(404, 409))
async def cancel_replay(by: By, replay_id: PathId) -> Response:
    """Send nothing more of it, for good. 409 when it has ended."""
    return await _changed(by, replay_id, replays.cancel_replay)
