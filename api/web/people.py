"""Who may sign in: administrators invite, change roles, disable, and give links.

In the console the operators, in a portal its partner's people.
"""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.fields import PathId
from api.services import Services
from api.web.forms import read_form
from api.web.pages import page
from api.web.visitors import Administering, Hub, Visitor
from hub.accounts import Role
from hub.errors import Conflict, Invalid
from hub.store import accounts, sign_ins
from hub.store.db.engine import Tx

router = APIRouter(include_in_schema=False)


@router.get("/people")
async def show_people(hub: Hub, who: Administering) -> Response:
    return await _people(hub, who)


@router.post("/people")
async def invite(request: Request, hub: Hub, who: Administering) -> Response:
    """An account, and the link by which its owner signs in for the first time; it is shown once."""
    form = await read_form(request, hub, who)
    try:
        async with hub.database.begin() as tx:
            account = await accounts.create_account(
                tx, who.actor, form["email"], form["name"], _role(form["role"]), who.partner_id
            )
            token = await sign_ins.link_for_account(tx, account.id)
    except (Conflict, Invalid) as error:
        return await _people(hub, who, error.status, problem=error.message)
    return await _people(hub, who, link=_address(hub, who, token), linked=account.email)


@router.post("/people/{account_id}/role")
async def set_role(request: Request, hub: Hub, who: Administering, account_id: PathId) -> Response:
    form = await read_form(request, hub, who)
    return await _change(hub, who, account_id, lambda tx: accounts.set_role(
        tx, who.actor, account_id, _role(form["role"])))  # fmt: skip


@router.post("/people/{account_id}/disable")
async def disable(request: Request, hub: Hub, who: Administering, account_id: PathId) -> Response:
    await read_form(request, hub, who)
    return await _change(hub, who, account_id, lambda tx: accounts.set_disabled(
        tx, who.actor, account_id, disabled=True))  # fmt: skip


@router.post("/people/{account_id}/enable")
async def enable(request: Request, hub: Hub, who: Administering, account_id: PathId) -> Response:
    await read_form(request, hub, who)
    return await _change(hub, who, account_id, lambda tx: accounts.set_disabled(
        tx, who.actor, account_id, disabled=False))  # fmt: skip


@router.post("/people/{account_id}/link")
async def make_link(request: Request, hub: Hub, who: Administering, account_id: PathId) -> Response:
    """For somebody who forgot the password: it works no more, and the link lets them choose another."""
    await read_form(request, hub, who)
    async with hub.database.begin() as tx:
        account = await accounts.load_account(tx, account_id, who.partner_id)
        await accounts.reset_password(tx, who.actor, account)
        token = await sign_ins.link_for_account(tx, account_id)
    return await _people(hub, who, link=_address(hub, who, token), linked=account.email)


async def _change(hub: Services, who: Visitor, account_id: int, change: Callable[[Tx], Awaitable[None]]) -> Response:
    try:
        async with hub.database.begin() as tx:
            await accounts.load_account(tx, account_id, who.partner_id)
            await change(tx)
    except (Conflict, Invalid) as error:
        return await _people(hub, who, error.status, problem=error.message)
    return RedirectResponse(f"{who.area.path}/people", 303)


async def _people(hub: Services, who: Visitor, status: int = 200, **shown: str) -> Response:
    async with hub.database.begin() as tx:
        found = await accounts.list_accounts(tx, who.partner_id)
    context = {"link": None, "linked": None, "problem": None} | shown
    return page(who, "people.html", status, people=found, roles=list(Role), **context)


def _role(text: str) -> Role:
    if text not in set(Role):
        raise Invalid(f"must be one of {', '.join(Role)}.", field="role")
    return Role(text)


def _address(hub: Services, who: Visitor, token: str) -> str:
    return hub.settings.sign_in_link(token, portal=who.area.portal)
