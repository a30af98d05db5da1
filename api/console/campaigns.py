"""How a partner's leads are called: campaigns made, and changed as `hub campaign` does."""

import json
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.fields import PathId
from api.services import Services
from api.web.forms import Form, read_form
from api.web.pages import page
from api.web.visitors import Administering, Hub, SignedIn, Visitor
from hub import strictjson
from hub.dialing.policy import CallingPolicy
from hub.errors import Invalid, NotFound
from hub.store import admin, administration, dialer_ties
from hub.store.row_ids import MOST_ID
from hub.store.tables import Dialer

router = APIRouter(include_in_schema=False)
DEFAULTS: Final = CallingPolicy().model_dump(mode="json")


@router.post("/partners/{partner_id}/campaigns")
async def create_campaign(request: Request, hub: Hub, who: Administering, partner_id: PathId) -> Response:
    """On the default dialer and with the default policy, until it is changed."""
    form = await read_form(request, hub, who)
    async with hub.turns.begin(0) as tx:
        made = await administration.create_campaign(tx, who.actor, partner_id, form["name"], {})
    return RedirectResponse(f"{who.area.path}/campaigns/{made['id']}", 303)


@router.get("/campaigns/{campaign_id}")
async def show_campaign(hub: Hub, who: SignedIn, campaign_id: PathId) -> Response:
    return await _show(hub, who, campaign_id)


async def _show(hub: Services, who: Visitor, campaign_id: int, status: int = 200, *, problem: str | None = None,
                given: Form | None = None) -> Response:  # fmt: skip
    async with hub.turns.begin(0) as tx:
        found = await dialer_ties.list_campaigns(tx, campaign_id)
        dialers = await admin.list_rows(tx, Dialer)
    if not found:
        raise NotFound("There is no such campaign.")
    campaign = found[0]
    shown: dict[str, Any] = {
        "dialer": str(campaign["dialer_id"]),
        "language": campaign["language"] or "",
        "required_fields": "\n".join(campaign["required_fields"]),
        "policy": _pretty(campaign["policy"]) if campaign["policy"] else "",
    }
    if given is not None:
        shown = {name: given[name] for name in shown}
    return page(who, "campaign.html", status, campaign=campaign, dialers=dialers, shown=shown, problem=problem,
                defaults=_pretty(DEFAULTS))  # fmt: skip


@router.post("/campaigns/{campaign_id}")
async def set_campaign(request: Request, hub: Hub, who: Administering, campaign_id: PathId) -> Response:
    form = await read_form(request, hub, who)
    try:
        values = {
            "dialer_id": form.number("dialer", MOST_ID),
            "language": form["language"] or None,
            "required_fields": form["required_fields"].split(),
            "policy": _policy(form["policy"]),
        }
        async with hub.turns.begin(0) as tx:
            await administration.set_campaign(tx, who.actor, campaign_id, values)
    except Invalid as error:
        return await _show(hub, who, campaign_id, 400, problem=error.message, given=form)
    return RedirectResponse(f"{who.area.path}/campaigns/{campaign_id}", 303)


def _policy(text: str) -> dict[str, Any]:
    """Blank: the default one."""
    try:
        found = strictjson.loads(text.encode()) if text else {}
    except strictjson.BadJson as error:
        raise Invalid(f"{str(error).removeprefix('body ')}.", field="policy") from None
    if not isinstance(found, dict):
        raise Invalid('must be a JSON object, such as {"max_attempts": 5}.', field="policy")
    return found


def _pretty(policy: dict[str, Any]) -> str:
    return json.dumps(policy, indent=2, ensure_ascii=False)
