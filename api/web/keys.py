"""Keys of partners and dialers: listed by their public part, replaced with the text shown once, revoked."""

from datetime import timedelta
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.fields import PathName
from api.services import Services
from api.web.forms import read_form
from api.web.pages import page
from api.web.visitors import Administering, Hub, Visitor
from hub.errors import NotFound
from hub.store import admin, administration
from hub.store.db.engine import Tx
from hub.store.tables import ApiKey

router = APIRouter(include_in_schema=False)
OVERLAP: Final = timedelta(days=1)


async def keys_of(tx: Tx, partner_id: int) -> list[dict[str, Any]]:
    """All of the partner's keys, without what they are checked by."""
    return await admin.list_rows(tx, ApiKey, ApiKey.partner_id == partner_id)


async def new_key(tx: Tx, hub: Services, who: Visitor, partner_id: int, api: str) -> str:
    """The text of a further key."""
    made = await administration.create_key(tx, who.actor, hub.pepper, "partner", scope=api, partner_id=partner_id)
    return made.text


@router.get("/keys")
async def list_keys(hub: Hub, who: Administering) -> Response:
    """The partner's own, in the portal."""
    return await _own(hub, who)


@router.post("/keys")
async def create_key(request: Request, hub: Hub, who: Administering) -> Response:
    await read_form(request, hub, who)
    if who.partner_id is None:
        raise NotFound("Keys are made at their partner.")
    async with hub.turns.begin(who.tenant) as tx:
        text = await new_key(tx, hub, who, who.tenant, await admin.require_partner(tx, who.tenant))
    return await _own(hub, who, text)


@router.get("/keys/{key_id}")
async def show_key(hub: Hub, who: Administering, key_id: PathName) -> Response:
    """On the page of its owner."""
    async with hub.turns.begin(who.partner_id or 0) as tx:
        key = await _find(tx, who, key_id)
    return RedirectResponse(f"{who.area.path}/{_owner(who, key)}", 303)


@router.post("/keys/{key_id}/{action}")
async def change_key(request: Request, hub: Hub, who: Administering, key_id: PathName, action: str) -> Response:
    """`rotate`: a new key, the old one works for a day more; `revoke`: it works no more."""
    await read_form(request, hub, who)
    text = None
    async with hub.turns.begin(who.partner_id or 0) as tx:
        key = await _find(tx, who, key_id)
        match action:
            case "revoke":
                await administration.revoke_key(tx, who.actor, key_id)
            case "rotate":
                text = (await administration.rotate_key(tx, who.actor, hub.pepper, key_id, OVERLAP)).text
            case _:
                raise NotFound("There is no such action.")
    if who.partner_id is not None:
        return await _own(hub, who, text)
    if text is None:
        return RedirectResponse(f"{who.area.path}/{_owner(who, key)}", 303)
    return page(who, "key.html", text=text, owner=_owner(who, key))


async def _find(tx: Tx, who: Visitor, key_id: str) -> dict[str, Any]:
    """A key of a partner or dialer, of the visitor's own partner in the portal. Raises NotFound."""
    owned = ApiKey.dialer_id.is_not(None) | ApiKey.partner_id.is_not(None)
    mine = owned if who.partner_id is None else ApiKey.partner_id == who.partner_id
    if not (found := await admin.list_rows(tx, ApiKey, ApiKey.id == key_id, mine)):
        raise NotFound("There is no such key.")
    return found[0]


def _owner(who: Visitor, key: dict[str, Any]) -> str:
    """The page that lists the key, within the visitor's area."""
    if who.partner_id is not None:
        return "keys"
    return f"partners/{key['partner_id']}" if key["partner_id"] else f"dialers/{key['dialer_id']}"


async def _own(hub: Services, who: Visitor, text: str | None = None) -> Response:
    if who.partner_id is None:
        raise NotFound("Keys are at their partner.")
    async with hub.turns.begin(who.tenant) as tx:
        found = await keys_of(tx, who.tenant)
    return page(who, "keys.html", keys=found, text=text)
