"""Signing in and out of console and portal: by password and second factor, or by a link that works once."""

import asyncio
import hmac
from http import HTTPStatus
from time import time
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from api.agents.login import site_of
from api.auth import client_address
from api.known_browsers import presented
from api.services import Services
from api.web import second_factor
from api.web.areas import Area
from api.web.forms import read_form
from api.web.pages import page
from api.web.visitors import LONGEST_TOKEN, Hub, Visitor, open_session, visitor_of, with_session
from hub import passwords
from hub.accounts import Account
from hub.errors import HubError, NotFound
from hub.store import accounts, known_browsers, login_tries, sign_ins

router = APIRouter(include_in_schema=False)
Who = Annotated[Visitor, Depends(visitor_of)]
CODE_SECONDS: Final = 300  # for typing the second factor's code
LONGEST_EMAIL: Final = 320
REFUSED: Final = "That address and password don't go together, or there were too many tries. Wait, or ask for a link."


@router.get("/sign-in")
async def show_form(hub: Hub, who: Who, then: str = "") -> Response:
    """The form; to the start page for those who have signed in."""
    if who.signed_in:
        return RedirectResponse(own_page(who.area, then), 303)
    return _form(hub, who, own_page(who.area, then))


def _form(
    hub: Services, who: Visitor, then: str, status: int = 200, *, problem: str | None = None, email: str = ""
) -> Response:
    provider = hub.settings.oidc_issuer if not who.area.portal else None
    return page(who, "sign_in.html", status, then=then, problem=problem, email=email, provider=provider)


@router.post("/sign-in")
async def sign_in(request: Request, hub: Hub, who: Who) -> Response:
    """By address and password, to the page that was asked for, or to the second factor."""
    form = await read_form(request, hub, who)
    then, email = own_page(who.area, form["then"]), form["email"]
    account = await _check_password(request, hub, who.area, email, form.exact("password"))
    if account is None:
        return _form(hub, who, then, 401, problem=REFUSED, email=email[:LONGEST_EMAIL])
    return await _next_step(request, hub, who, account, then)


@router.post("/sign-in/code")
async def check_code(request: Request, hub: Hub, who: Who) -> Response:
    """The second factor's code."""
    form = await read_form(request, hub, who)
    then, pending = own_page(who.area, form["then"]), form["pending"]
    account = await _account_of(hub, who.area, pending)
    if account is None:
        raise TooLate(f"{who.area.path}/sign-in")
    if problem := await second_factor.problem_of(request, hub, who.area, account, form["code"]):
        status = 429 if problem == second_factor.TOO_MANY else 401
        return page(who, "sign_in_code.html", status, then=then, pending=pending, problem=problem)
    return await _admit(request, hub, who.area, account, then)


@router.get("/sign-in/link")
async def show_link(who: Who, token: str = "") -> Response:
    """A button: whoever only looks at a mail's links, such as a scanner, does not use them up."""
    return page(who, "sign_in_link.html", token_text=token[:LONGEST_TOKEN])


@router.post("/sign-in/link")
async def use_link(request: Request, hub: Hub, who: Who) -> Response:
    """Sign in by the link. An account without a password is asked for one first."""
    form = await read_form(request, hub, who)
    async with hub.database.begin() as tx:
        used = await sign_ins.use_link(tx, form["token"], portal=who.area.portal)
        if used is None:
            raise NotFound("This link was used before, or is too old. Ask for another one.")
        account = await accounts.load_account(tx, used.account_id) if used.account_id else None
        if account is None:
            token = await sign_ins.open_session(tx, None, used.partner_id, used.role, used.made_by)
            return with_session(hub, who.area, token, who.area.path)
    then = f"{who.area.path}/account" if used.chooses_password else who.area.path
    return await _next_step(request, hub, who, account, then)


@router.post("/sign-out")
async def sign_out(request: Request, hub: Hub, who: Who) -> Response:
    await read_form(request, hub, who)
    response = RedirectResponse(f"{who.area.path}/sign-in", 303)
    if who.signed_in:
        async with hub.database.begin() as tx:
            await sign_ins.close_session(tx, who.signed_in.session_id)
    response.delete_cookie(who.area.cookie, path=who.area.path, httponly=True, samesite="lax")
    return response


class TooLate(HubError):
    """The second step came too late."""

    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, path: str) -> None:
        super().__init__(f"That took too long. Sign in again at {path}.")


async def _check_password(request: Request, hub: Services, area: Area, email: str, password: str) -> Account | None:
    """The account; None whatever is wrong, after as long a time."""
    name = hub.vault.index("account name", f"{area.name} {email.lower()}")
    usable = len(password) <= passwords.LONGEST
    async with hub.database.begin() as tx:
        account = await accounts.find_account(tx, email, portal=area.portal)
        token, owner = presented(request, area.cookie), account.id if account else None
        browser = await known_browsers.find(tx, token, account_id=owner)
        address = None if browser else site_of(client_address(request, hub))
        admitted = await login_tries.admit(tx, hub.vault, browser or name, address)
    stored = account.password_digest if account and admitted and usable else None
    async with hub.login_check.checks:
        matches = await asyncio.to_thread(passwords.matches, password if usable else "", stored)
    if account is None or not matches:
        return None
    async with hub.database.begin() as tx:
        await login_tries.forget(tx, browser or name)
    return account


async def _next_step(request: Request, hub: Services, who: Visitor, account: Account, then: str) -> Response:
    if account.totp_secret is None:
        return await _admit(request, hub, who.area, account, then)
    return page(who, "sign_in_code.html", then=then, pending=_pending(hub, account), problem=None)


async def _admit(request: Request, hub: Services, area: Area, account: Account, then: str) -> Response:
    async with hub.database.begin() as tx:
        return await open_session(tx, request, hub, area, account, then)


def _pending(hub: Services, account: Account, until: int | None = None) -> str:
    """Says that the account's password was given; valid for five minutes, and while the password stays."""
    until = until or int(time()) + CODE_SECONDS
    text, password = f"{account.id}.{until}", (account.password_digest or b"").hex()
    return f"{text}.{hub.vault.index('sign-in step', f'{text} {password}').hex()}"


async def _account_of(hub: Services, area: Area, pending: str) -> Account | None:
    number, _, rest = pending.partition(".")
    until = rest.partition(".")[0]
    if not (number.isdecimal() and until.isdecimal() and len(pending) < LONGEST_TOKEN and int(until) > time()):
        return None
    try:
        async with hub.database.begin() as tx:
            account = await accounts.load_account(tx, int(number[:18]))
    except NotFound:
        return None
    genuine = hmac.compare_digest(pending.encode(), _pending(hub, account, int(until)).encode())
    usable = account.disabled_at is None and area.portal == (account.partner_id is not None)
    return account if genuine and usable else None


def own_page(area: Area, then: str) -> str:
    """The page to go on to: never one of another site, or of the other area."""
    try:
        parts = urlsplit(then)
    except ValueError:  # as of `//[`
        return area.path
    own = not parts.scheme and not parts.netloc and "\\" not in then
    return then if own and (parts.path == area.path or parts.path.startswith(f"{area.path}/")) else area.path
