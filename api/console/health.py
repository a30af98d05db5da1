"""The console's first page: how the hub is doing, and what to do about what is late."""

from fastapi import APIRouter, Response

from api.web.pages import page
from api.web.visitors import Hub, SignedIn
from hub.status import Level
from hub.store import status

router = APIRouter(include_in_schema=False)


@router.get("")
async def show_health(hub: Hub, who: SignedIn) -> Response:
    async with hub.database.begin() as tx:
        found = await status.load(tx)
    attention = [check for check in found.checks if check.level is not Level.OK]
    fine = [check for check in found.checks if check.level is Level.OK]
    return page(who, "health.html", found=found, attention=sorted(attention, key=lambda check: -check.level.rank),
                fine=fine)  # fmt: skip
