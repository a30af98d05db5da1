"""Who changed what, when and from where. In a portal what the partner's own people and keys changed."""

from fastapi import APIRouter, Response

from api.web.pages import page
from api.web.visitors import Hub, SignedIn
from hub.accounts import Role
from hub.store import audit
from hub.store.audit import ChangeFilter
from hub.store.paging import PageWanted

router = APIRouter(include_in_schema=False)


@router.get("/audit")
async def list_changes(hub: Hub, who: SignedIn, cursor: str | None = None) -> Response:
    """Newest first. In a portal, where it tells of colleagues, for administrators."""
    if who.area.portal:
        who.require(Role.ADMIN)
    wanted = ChangeFilter(who.partner_id, by_itself=who.partner_id is not None)
    async with hub.turns.begin(who.partner_id or 0) as tx:
        found = await audit.list_changes(tx, wanted, PageWanted.of(None, cursor))
    return page(who, "audit.html", found=found)
