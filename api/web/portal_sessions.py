"""Who is in a partner's portal by a link, without an account: listed and ended by its administrators and operators."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.fields import PathId
from api.services import Services
from api.web.forms import read_form
from api.web.pages import page
from api.web.visitors import Administering, Hub, SignedIn, Visitor
from hub.journal import actor
from hub.store import admin, portal_sessions
from hub.store.paging import PageWanted
from hub.store.tables import Partner

console = APIRouter(include_in_schema=False)
portal = APIRouter(include_in_schema=False)


@console.get("/partners/{partner_id}/sessions")
async def show_of_partner(hub: Hub, who: SignedIn, partner_id: PathId, cursor: str | None = None) -> Response:
    return await _show(hub, who, partner_id, f"{who.area.path}/partners/{partner_id}/sessions", cursor)


@console.post("/partners/{partner_id}/sessions/{session_id}/end")
async def end_of_partner(
    request: Request, hub: Hub, who: Administering, partner_id: PathId, session_id: PathId
) -> Response:
    await _end(request, hub, who, partner_id, session_id)
    return RedirectResponse(f"{who.area.path}/partners/{partner_id}/sessions", 303)


@portal.get("/sessions")
async def show_own(hub: Hub, who: Administering, cursor: str | None = None) -> Response:
    return await _show(hub, who, who.tenant, f"{who.area.path}/sessions", cursor)


@portal.post("/sessions/{session_id}/end")
async def end_own(request: Request, hub: Hub, who: Administering, session_id: PathId) -> Response:
    await _end(request, hub, who, who.tenant, session_id)
    return RedirectResponse(f"{who.area.path}/sessions", 303)


async def _show(hub: Services, who: Visitor, partner_id: int, path: str, cursor: str | None) -> Response:
    async with hub.turns.begin(who.partner_id or 0) as tx:
        found = await portal_sessions.list_portal_sessions(tx, partner_id, PageWanted.of(None, cursor))
        partner = await admin.load_row(tx, Partner, partner_id)
    return page(who, "portal_sessions.html", found=found, partner=partner, path=path, actor=actor)


async def _end(request: Request, hub: Services, who: Visitor, partner_id: int, session_id: int) -> None:
    await read_form(request, hub, who)
    async with hub.turns.begin(who.partner_id or 0) as tx:
        await portal_sessions.end_portal_session(tx, who.actor, partner_id, session_id)
