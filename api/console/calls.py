"""Calls and dialers: what is ready, leased and overdue, and which campaigns have no dialer that works."""

from typing import Final

from fastapi import APIRouter, Response

from api.fields import FilterId
from api.web.pages import page
from api.web.visitors import Hub, SignedIn
from hub.status import Level
from hub.store import call_lists, dialer_ties, status
from hub.store.paging import PageWanted

router = APIRouter(include_in_schema=False)
MOST_CAMPAIGNS: Final = 20


@router.get("/calls")
async def list_calls(hub: Hub, who: SignedIn, dialer: FilterId = None, cursor: str | None = None) -> Response:
    async with hub.turns.begin(0) as tx:
        calls = await call_lists.list_open_calls(tx, PageWanted.of(None, cursor), dialer)
        dialers = await status.load_dialers(tx)
        silent = {each.id: check for each, check in dialers if check.level is not Level.OK}
        troubled = await dialer_ties.list_campaigns(tx, dialer_ids=list(silent), most=MOST_CAMPAIGNS) if silent else []
    return page(who, "calls.html", calls=calls, dialers=[each for each, _ in dialers], dialer=dialer, silent=silent,
                troubled=troubled)  # fmt: skip
