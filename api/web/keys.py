"""A partner's keys: listed by their public part, made and replaced with the text shown once, revoked."""

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
from hub.store import admin, audit, keys
from hub.store.db.engine import Tx
from hub.store.tables import ApiKey

router = APIRouter(include_in_schema=False)
OVERLAP: Final = timedelta(days=1)


async def keys_of(tx: Tx, partner_id: int) -> list[dict[str, Any]]:
    """All of the partner's keys, without what they are checked by."""
    return await admin.list_rows(tx, ApiKey, ApiKey.partner_id == partner_id)


async def new_key(tx: Tx, hub: Services, who: Visitor, partner_id: int, api: str) -> str:
    """The text of a further key."""
    key = await keys.create_key(tx, hub.pepper, "partner", scope=api, partner_id=partner_id)
    await audit.record(tx, who.actor, "key.create", key.key_id, partner_id=partner_id)
    return key.text


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


@router.post("/keys/{key_id}/{action}")
async def change_key(request: Request, hub: Hub, who: Administering, key_id: PathName, action: str) -> Response:
    """`rotate`: a new key, the old one works for a day more; `revoke`: it works no more."""
    await read_form(request, hub, who)
    async with hub.turns.begin(who.partner_id or 0) as tx:
        rows = await admin.list_rows(tx, ApiKey, ApiKey.id == key_id, ApiKey.partner_id.is_not(None))
        if not rows or who.partner_id not in {None, rows[0]["partner_id"]}:
            raise NotFound("There is no such key.")
        partner_id = rows[0]["partner_id"]
        if action not in {"rotate", "revoke"}:
            raise NotFound("There is no such action.")
        await audit.record(tx, who.actor, f"key.{action}", key_id, partner_id=partner_id)
        text = None
        if action == "revoke":
            await keys.revoke_key(tx, key_id)
        else:
            text = (await keys.rotate_key(tx, hub.pepper, key_id, OVERLAP)).text
    if who.partner_id is not None:
        return await _own(hub, who, text)
    if text is None:
        return RedirectResponse(f"{who.area.path}/partners/{partner_id}", 303)
    return page(who, "key.html", text=text, partner_id=partner_id)


async def _own(hub: Services, who: Visitor, text: str | None = None) -> Response:
    if who.partner_id is None:
        raise NotFound("Keys are at their partner.")
    async with hub.turns.begin(who.tenant) as tx:
        found = await keys_of(tx, who.tenant)
    return page(who, "keys.html", keys=found, text=text)
