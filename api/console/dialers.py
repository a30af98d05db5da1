"""Dialers: made with a key that is shown once, renamed, with their campaigns and keys."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from api.fields import PathId
from api.services import Services
from api.web.forms import read_form
from api.web.pages import page
from api.web.visitors import Administering, Hub, SignedIn, Visitor
from hub.errors import Invalid, NotFound
from hub.store import admin, administration, dialer_ties
from hub.store.paging import PageWanted
from hub.store.tables import ApiKey, Dialer

router = APIRouter(include_in_schema=False)


@router.get("/dialers")
async def list_dialers(hub: Hub, who: SignedIn, cursor: Annotated[str | None, Query()] = None) -> Response:
    return await _list(hub, who, cursor)


async def _list(hub: Services, who: Visitor, cursor: str | None = None, status: int = 200, *, name: str = "",
                problem: str | None = None) -> Response:  # fmt: skip
    async with hub.turns.begin(0) as tx:
        found = await admin.page_of_rows(tx, Dialer, PageWanted.of(None, cursor))
    return page(who, "dialers.html", status, found=found, problem=problem, name=name)


@router.post("/dialers")
async def create_dialer(request: Request, hub: Hub, who: Administering) -> Response:
    form = await read_form(request, hub, who)
    try:
        async with hub.turns.begin(0) as tx:
            made = await administration.create_dialer(tx, who.actor, hub.pepper, form["name"], [])
    except Invalid as error:
        return await _list(hub, who, None, 400, problem=error.message, name=form["name"])
    return await _show(hub, who, made["id"], key=made["key"])


@router.get("/dialers/{dialer_id}")
async def show_dialer(hub: Hub, who: SignedIn, dialer_id: PathId) -> Response:
    return await _show(hub, who, dialer_id)


async def _show(hub: Services, who: Visitor, dialer_id: int, status: int = 200, **shown: Any) -> Response:
    async with hub.turns.begin(0) as tx:
        dialer = await admin.load_row(tx, Dialer, dialer_id)
        campaigns = await dialer_ties.list_campaigns(tx, dialer_ids=[dialer_id])
        keys = await admin.list_rows(tx, ApiKey, ApiKey.dialer_id == dialer_id)
    return page(who, "dialer.html", status, dialer=dialer, campaigns=campaigns, keys=keys,
                shared=dialer["name"] == admin.DEFAULT_DIALER, **{"problem": None, "key": None} | shown)  # fmt: skip


@router.post("/dialers/{dialer_id}/{action}")
async def act(request: Request, hub: Hub, who: Administering, dialer_id: PathId, action: str) -> Response:
    """`rename`, `key` (a further one, shown once)."""
    form = await read_form(request, hub, who)
    key = None
    try:
        async with hub.turns.begin(0) as tx:
            await admin.load_row(tx, Dialer, dialer_id)
            match action:
                case "rename":
                    await administration.rename_dialer(tx, who.actor, dialer_id, form["name"])
                case "key":
                    key = await administration.create_key(
                        tx, who.actor, hub.pepper, "dialer", scope="dialer", dialer_id=dialer_id
                    )
                case _:
                    raise NotFound("There is no such action.")
    except Invalid as error:
        return await _show(hub, who, dialer_id, 400, problem=error.message)
    if key is None:
        return RedirectResponse(f"{who.area.path}/dialers/{dialer_id}", 303)
    return await _show(hub, who, dialer_id, key=key.text)
