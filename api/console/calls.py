"""Calls and dialers: what is ready, leased and overdue, and which campaigns have no dialer that works."""

from fastapi import APIRouter, Response

from api.fields import FilterId
from api.web.pages import page
from api.web.visitors import Hub, SignedIn
from hub.status import Level
from hub.store import call_lists, dialer_ties, status
from hub.store.paging import PageWanted

router = APIRouter(include_in_schema=False)


@router.get("/calls")
async def list_calls(hub: Hub, who: SignedIn, dialer: FilterId = None, cursor: str | None = None) -> Response:
    async with hub.turns.begin(0) as tx:
        calls = await call_lists.list_open_calls(tx, PageWanted.of(None, cursor), dialer)
        found = await status.load(tx)
        campaigns = await dialer_ties.list_campaigns(tx)
    bad = {check.subject.partition(",")[0]: check for check in found.checks if check.level is not Level.OK}
    silent = {each.id: bad[f"dialer {each.id}"] for each in found.dialers if f"dialer {each.id}" in bad}
    troubled = [each for each in campaigns if each["dialer_id"] in silent]
    return page(who, "calls.html", calls=calls, found=found, dialer=dialer, silent=silent, troubled=troubled)
