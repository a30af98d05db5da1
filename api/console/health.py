"""The console's first page: how the hub is doing, and what to do about what is late."""

from typing import Final

from fastapi import APIRouter, Response

from api.web.pages import page
from api.web.visitors import Hub, SignedIn
from hub.status import Level
from hub.store import status

router = APIRouter(include_in_schema=False)
PAGES: Final = {
    "dialers": "/calls?dialer=",
    "endpoints": "/webhooks/",
    "deliveries": "/deliveries?state=pending",
    "requests": "/partners/",
    "leads": "/leads",
}
"""Where a check's area is looked into; what ends with its sign goes on with the subject's id."""


@router.get("")
async def show_health(hub: Hub, who: SignedIn) -> Response:
    async with hub.database.begin() as tx:
        found = await status.load(tx)
    attention = [check for check in found.checks if check.level is not Level.OK]
    fine = [check for check in found.checks if check.level is Level.OK]
    return page(who, "health.html", found=found, attention=sorted(attention, key=lambda check: -check.level.rank),
                fine=fine, pages=PAGES)  # fmt: skip
