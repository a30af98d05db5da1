"""Everybody's own account: name and role, password, second factor."""

import asyncio
import re
from dataclasses import replace
from typing import Any, Final

import pyotp
import segno
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.agents.login import site_of
from api.auth import client_address
from api.services import Services
from api.web.forms import read_form
from api.web.pages import page
from api.web.second_factor import step_of
from api.web.visitors import Hub, SignedIn, Visitor, open_session
from hub import passwords
from hub.accounts import Account
from hub.errors import Forbidden, Invalid
from hub.store import accounts, login_tries

router = APIRouter(include_in_schema=False)
ISSUER: Final = "Integration Hub"
OTHER_PASSWORD: Final = "The present password is another one, or there were too many tries."  # noqa: S105 - a sentence
_SECRET: Final = re.compile("[A-Z2-7]{32}")  # as pyotp.random_base32 makes them


@router.get("/account")
async def show(hub: Hub, who: SignedIn, done: str = "") -> Response:
    account = await _own_account(hub, who)
    return page(who, "account.html", account=account, done=done, problem=None, offered=None, qr=None)


@router.post("/account/password")
async def set_password(request: Request, hub: Hub, who: SignedIn) -> Response:
    """A first password, or another one: then the present one is asked for. Ends all other sessions."""
    account = await _own_account(hub, who)
    form = await read_form(request, hub, who)
    new = form.exact("new")
    if problem := await _password_problem(request, hub, account, form.exact("present"), new):
        return page(who, "account.html", 400, account=account, done="", problem=problem, offered=None, qr=None)
    digest = await asyncio.to_thread(passwords.digest, new)
    async with hub.database.begin() as tx:
        await accounts.set_password(tx, who.actor, account, digest)
        changed = replace(account, password_digest=digest)
        return await open_session(tx, request, hub, who.area, changed, f"{who.area.path}/account?done=password")


@router.post("/account/second-factor")
async def offer_factor(request: Request, hub: Hub, who: SignedIn) -> Response:
    """A new secret, to be confirmed by a code of it."""
    account = await _own_account(hub, who)
    form = await read_form(request, hub, who)
    await _require_password(request, hub, account, form.exact("present"))
    offered = _SECRET.fullmatch(form["secret"])
    secret = offered[0] if offered else pyotp.random_base32()
    if not offered or not (code := form["code"]):
        return page(who, "account.html", account=account, done="", problem=None, **_offer(account, secret))
    if (step := step_of(secret, code)) is None:
        problem = "That code does not go with the secret: look at the clock of your device, and try the next code."
        return page(who, "account.html", 400, account=account, done="", problem=problem, **_offer(account, secret))
    async with hub.database.begin() as tx:
        await accounts.set_totp(tx, hub.vault, who.actor, account, secret, step)
    return RedirectResponse(f"{who.area.path}/account?done=second-factor", 303)


@router.post("/account/second-factor/remove")
async def remove_factor(request: Request, hub: Hub, who: SignedIn) -> Response:
    account = await _own_account(hub, who)
    form = await read_form(request, hub, who)
    await _require_password(request, hub, account, form.exact("present"))
    async with hub.database.begin() as tx:
        await accounts.set_totp(tx, hub.vault, who.actor, account, None)
    return RedirectResponse(f"{who.area.path}/account?done=removed", 303)


async def _own_account(hub: Services, who: Visitor) -> Account:
    """Raises Forbidden for a session that is nobody's own."""
    if who.signed_in is None or who.signed_in.account_id is None:
        raise Forbidden("You came by a link that is nobody's account.")
    async with hub.database.begin() as tx:
        return await accounts.load_account(tx, who.signed_in.account_id)


async def _password_problem(request: Request, hub: Services, account: Account, present: str, new: str) -> str | None:
    if account.password_digest and not await _matches(request, hub, account, present):
        return OTHER_PASSWORD
    try:
        passwords.check(new)
    except Invalid as error:
        return f"The new password {error.reason}"
    return None


async def _require_password(request: Request, hub: Services, account: Account, present: str) -> None:
    if not await _matches(request, hub, account, present):
        raise Invalid(OTHER_PASSWORD)


async def _matches(request: Request, hub: Services, account: Account, present: str) -> bool:
    """As few tries as for signing in: whoever has only the session must not find the password."""
    if len(present) > passwords.LONGEST:
        return False
    name = hub.vault.index("account password", str(account.id))
    async with hub.database.begin() as tx:
        if not await login_tries.admit(tx, hub.vault, name, site_of(client_address(request, hub))):
            return False
    async with hub.login_check.checks:
        matches = await asyncio.to_thread(passwords.matches, present, account.password_digest)
    if matches:
        async with hub.database.begin() as tx:
            await login_tries.forget(tx, name)
    return matches


def _offer(account: Account, secret: str) -> dict[str, Any]:
    address = pyotp.TOTP(secret).provisioning_uri(name=account.email, issuer_name=ISSUER)
    return {"offered": secret, "qr": segno.make(address, error="m").svg_data_uri(scale=5, border=2)}
