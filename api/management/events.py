"""A partner's events as they happen: what `hub listen` reads."""

import asyncio
from datetime import datetime
from time import monotonic
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from api.management.access import By
from hub.store import event_feed

partners = APIRouter()
LONGEST_WAIT: Final = 25.0
LOOK_SECONDS: Final = 1.0


class FeedQuery(BaseModel):
    """`wait`: for so many seconds the answer waits for an event."""

    model_config = ConfigDict(extra="forbid")
    after: Annotated[
        str | None,
        Field(max_length=event_feed.LONGEST_CURSOR, description="`next` of the page before; without it, from now on"),
    ] = None
    wait: Annotated[float, Field(ge=0, le=LONGEST_WAIT)] = 0


class EventOut(BaseModel):
    """An event: `id` is its `webhook-id`, `body` what an endpoint is posted."""

    id: str
    type: str
    created_at: datetime
    body: dict[str, Any]


class EventFeed(BaseModel):
    """Events in the order in which they were written, oldest first. `next` is `after` of what follows them."""

    data: list[EventOut]
    next: str


@partners.get("/events")
async def read_events(by: By, request: Request, query: Annotated[FeedQuery, Query()]) -> EventFeed:
    """Your events as they happen, each once, endpoint or not. `hub listen` forwards them to a developer's machine."""
    assert by.partner_id is not None  # noqa: S101 - only partners' keys come here
    until, after = monotonic() + query.wait, query.after
    while True:
        async with by.begin() as tx:
            events, following = await event_feed.read_events(tx, by.hub.vault, by.partner_id, after)
        left = until - monotonic()
        if events or left <= 0 or await request.is_disconnected():
            return EventFeed(
                data=[EventOut.model_validate(event, from_attributes=True) for event in events], next=following
            )
        after = following
        await asyncio.sleep(min(left, LOOK_SECONDS))
