"""The agents of a Margav partner: added, changed, disabled and enabled; their passwords set anew."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.fields import PathId
from api.services import Services
from api.web.forms import Form, read_form
from api.web.pages import page
from api.web.visitors import Administering, Hub, SignedIn, Visitor
from hub import passwords
from hub.errors import Invalid, NotFound
from hub.store import admin, administration, dialer_ties
from hub.store.db.engine import Tx
from hub.store.tables import Agent, Partner

router = APIRouter(include_in_schema=False)


@router.get("/partners/{partner_id}/agents")
async def list_agents(hub: Hub, who: SignedIn, partner_id: PathId) -> Response:
    return await _list(hub, who, partner_id)


async def _list(hub: Services, who: Visitor, partner_id: int, status: int = 200, *, problem: str | None = None,
                given: Form | None = None) -> Response:  # fmt: skip
    async with hub.turns.begin(0) as tx:
        partner = await _find_partner(tx, partner_id)
        found = await admin.list_rows(tx, Agent, Agent.partner_id == partner_id)
    shown = {name: given[name] if given else "" for name in ("username", "name", "dialer_user_id")}
    return page(who, "agents.html", status, partner=partner, agents=found, shown=shown, problem=problem)


async def _find_partner(tx: Tx, partner_id: int) -> dict[str, Any]:
    """A partner whose API has agents. Raises NotFound."""
    partner = await admin.load_row(tx, Partner, partner_id)
    if partner["api"] != dialer_ties.REPORTING_API:
        raise NotFound("Partners of this API have no agents.")
    return partner


@router.post("/partners/{partner_id}/agents")
async def create_agent(request: Request, hub: Hub, who: Administering, partner_id: PathId) -> Response:
    form = await read_form(request, hub, who)
    names = form["username"], form["name"], form["dialer_user_id"] or None
    try:
        async with hub.turns.begin(0) as tx:
            await _find_partner(tx, partner_id)
            await administration.create_agent(tx, who.actor, partner_id, *names)
    except Invalid as error:
        return await _list(hub, who, partner_id, 400, problem=error.message, given=form)
    return _listed(who, partner_id)


@router.get("/agents/{agent_id}")
async def show_agent(hub: Hub, who: SignedIn, agent_id: PathId) -> Response:
    """On the page of its partner's agents."""
    async with hub.turns.begin(0) as tx:
        agent = await admin.load_row(tx, Agent, agent_id)
    return _listed(who, agent["partner_id"])


@router.post("/agents/{agent_id}")
async def set_agent(request: Request, hub: Hub, who: Administering, agent_id: PathId) -> Response:
    """`name`, `dialer_user_id` (blank: none)."""
    form = await read_form(request, hub, who)
    values = {"name": form["name"], "dialer_user_id": form["dialer_user_id"] or None}
    return await _set(hub, who, agent_id, values)


@router.post("/agents/{agent_id}/password")
async def set_password(request: Request, hub: Hub, who: Administering, agent_id: PathId) -> Response:
    """Another password, for the dashboard; the agent's sessions end."""
    form = await read_form(request, hub, who)
    try:
        passwords.check(form.exact("password"))
    except Invalid as error:
        return await _refused(hub, who, agent_id, error)
    digest = await asyncio.to_thread(passwords.digest, form.exact("password"))
    return await _set(hub, who, agent_id, {"password_digest": digest})


async def _set(hub: Services, who: Visitor, agent_id: int, values: dict[str, Any]) -> Response:
    try:
        async with hub.turns.begin(0) as tx:
            agent = await administration.set_agent(tx, who.actor, agent_id, values)
    except Invalid as error:
        return await _refused(hub, who, agent_id, error)
    return RedirectResponse(f"{who.area.path}/partners/{agent['partner_id']}/agents", 303)


async def _refused(hub: Services, who: Visitor, agent_id: int, error: Invalid) -> Response:
    async with hub.turns.begin(0) as tx:
        agent = await admin.load_row(tx, Agent, agent_id)
    return await _list(hub, who, agent["partner_id"], 400, problem=error.message)


@router.post("/agents/{agent_id}/{action}")
async def act(request: Request, hub: Hub, who: Administering, agent_id: PathId, action: str) -> Response:
    """`disable`: the agent's sessions end; `enable`."""
    await read_form(request, hub, who)
    if action not in {"disable", "enable"}:
        raise NotFound("There is no such action.")
    async with hub.turns.begin(0) as tx:
        owner = await administration.switch_agent(tx, who.actor, agent_id, disabled=action == "disable")
    return _listed(who, owner)


def _listed(who: Visitor, partner_id: int) -> Response:
    return RedirectResponse(f"{who.area.path}/partners/{partner_id}/agents", 303)
