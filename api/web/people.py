"""Who may sign in: administrators invite, change roles, disable, and give links.

In the console the operators, and on a page of each partner its people; in a portal its partner's.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from api.fields import PathId
from api.services import Services
from api.web.forms import read_form
from api.web.pages import page
from api.web.visitors import Administering, Hub, Visitor
from hub.accounts import Account, Role
from hub.errors import Conflict, Invalid, NotFound
from hub.store import accounts, admin, sign_ins
from hub.store.db.engine import Tx
from hub.store.row_ids import possible
from hub.store.tables import Partner

router = APIRouter(include_in_schema=False)
OF_PARTNER: Final = "/partners/{partner_id:int}"
"""Where the console has these pages once more, for the people of a partner."""


@dataclass(frozen=True, slots=True)
class Group:
    """The people of a page: a partner's, or (None) the operators. `path`: the page's own."""

    partner_id: int | None
    path: str


async def group_of(request: Request, who: Administering) -> Group:
    """By the visitor in a portal, by the path in the console. Raises NotFound."""
    named = request.path_params.get("partner_id")
    if named is None:
        return Group(who.partner_id, f"{who.area.path}/people")
    if not possible(named):
        raise NotFound(f"there is no partner {named}.")
    return Group(named, f"{who.area.path}/partners/{named}/people")


Of = Annotated[Group, Depends(group_of)]


@router.get("/people")
async def show_people(hub: Hub, who: Administering, group: Of) -> Response:
    return await _people(hub, who, group)


@router.post("/people")
async def invite(request: Request, hub: Hub, who: Administering, group: Of) -> Response:
    """An account, and the link by which its owner signs in for the first time; it is shown once."""
    form = await read_form(request, hub, who)
    try:
        async with hub.database.begin() as tx:
            account = await accounts.create_account(
                tx, who.actor, form["email"], form["name"], _role(form["role"]), group.partner_id
            )
            token = await sign_ins.link_for_account(tx, account.id)
    except (Conflict, Invalid) as error:
        return await _people(hub, who, group, error.status, problem=error.message)
    return await _people(hub, who, group, link=_address(hub, account, token), linked=account.email)


@router.post("/people/{account_id}/role")
async def set_role(request: Request, hub: Hub, who: Administering, group: Of, account_id: PathId) -> Response:
    form = await read_form(request, hub, who)
    return await _change(hub, who, group, account_id, lambda tx: accounts.set_role(
        tx, who.actor, account_id, _role(form["role"])))  # fmt: skip


@router.post("/people/{account_id}/disable")
async def disable(request: Request, hub: Hub, who: Administering, group: Of, account_id: PathId) -> Response:
    await read_form(request, hub, who)
    return await _change(hub, who, group, account_id, lambda tx: accounts.set_disabled(
        tx, who.actor, account_id, disabled=True))  # fmt: skip


@router.post("/people/{account_id}/enable")
async def enable(request: Request, hub: Hub, who: Administering, group: Of, account_id: PathId) -> Response:
    await read_form(request, hub, who)
    return await _change(hub, who, group, account_id, lambda tx: accounts.set_disabled(
        tx, who.actor, account_id, disabled=False))  # fmt: skip


@router.post("/people/{account_id}/link")
async def make_link(request: Request, hub: Hub, who: Administering, group: Of, account_id: PathId) -> Response:
    """For somebody who forgot the password: it works no more, and the link lets them choose another."""
    await read_form(request, hub, who)
    async with hub.database.begin() as tx:
        account = await accounts.load_account(tx, account_id, group.partner_id)
        await accounts.reset_password(tx, who.actor, account)
        token = await sign_ins.link_for_account(tx, account_id)
    return await _people(hub, who, group, link=_address(hub, account, token), linked=account.email)


async def _change(
    hub: Services, who: Visitor, group: Group, account_id: int, change: Callable[[Tx], Awaitable[None]]
) -> Response:
    try:
        async with hub.database.begin() as tx:
            await accounts.load_account(tx, account_id, group.partner_id)
            await change(tx)
    except (Conflict, Invalid) as error:
        return await _people(hub, who, group, error.status, problem=error.message)
    return RedirectResponse(group.path, 303)


async def _people(hub: Services, who: Visitor, group: Group, status: int = 200, **shown: str) -> Response:
    async with hub.database.begin() as tx:
        partner = None
        if group.partner_id is not None:
            partner = await admin.load_row(tx, Partner, group.partner_id)
        found = await accounts.list_accounts(tx, group.partner_id)
    context = {"link": None, "linked": None, "problem": None} | shown
    return page(who, "people.html", status, people=found, roles=list(Role), path=group.path, partner=partner, **context)


def _role(text: str) -> Role:
    if text not in set(Role):
        raise Invalid(f"must be one of {', '.join(Role)}.", field="role")
    return Role(text)


def _address(hub: Services, account: Account, token: str) -> str:
    return hub.settings.sign_in_link(token, portal=account.partner_id is not None)
