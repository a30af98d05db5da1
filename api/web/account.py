"""Everybody's own account: name and role, password, second factor."""

import asyncio
from typing import Any, Final

import pyotp
import segno
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.services import Services
from api.web.forms import read_form
from api.web.pages import page
from api.web.visitors import Hub, SignedIn, Visitor, with_session
from hub import passwords
from hub.accounts import Account
from hub.errors import Forbidden, Invalid
from hub.store import accounts, sign_ins

router = APIRouter(include_in_schema=False)
ISSUER: Final = "Integration Hub"


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
    if problem := await _password_problem(hub, account, form.exact("present"), new):
        return page(who, "account.html", 400, account=account, done="", problem=problem, offered=None, qr=None)
    digest = await asyncio.to_thread(passwords.digest, new)
    async with hub.database.begin() as tx:
        await accounts.set_password(tx, who.actor, account.id, digest)
        token = await sign_ins.open_session(tx, account.id, account.partner_id, account.role)
    return with_session(hub, who.area, token, f"{who.area.path}/account?done=password")


@router.post("/account/second-factor")
async def offer_factor(request: Request, hub: Hub, who: SignedIn) -> Response:
    """A new secret, to be confirmed by a code of it."""
    account = await _own_account(hub, who)
    form = await read_form(request, hub, who)
    await _require_password(hub, account, form.exact("present"))
    secret = form["secret"] or pyotp.random_base32()
    if not (code := form["code"]):
        return page(who, "account.html", account=account, done="", problem=None, **_offer(account, secret))
    if not pyotp.TOTP(secret).verify(code, valid_window=1):
        problem = "That code does not go with the secret: look at the clock of your device, and try the next code."
        return page(who, "account.html", 400, account=account, done="", problem=problem, **_offer(account, secret))
    async with hub.database.begin() as tx:
        await accounts.set_totp(tx, hub.vault, who.actor, account.id, secret)
    return RedirectResponse(f"{who.area.path}/account?done=second-factor", 303)


@router.post("/account/second-factor/remove")
async def remove_factor(request: Request, hub: Hub, who: SignedIn) -> Response:
    account = await _own_account(hub, who)
    form = await read_form(request, hub, who)
    await _require_password(hub, account, form.exact("present"))
    async with hub.database.begin() as tx:
        await accounts.set_totp(tx, hub.vault, who.actor, account.id, None)
    return RedirectResponse(f"{who.area.path}/account?done=removed", 303)


async def _own_account(hub: Services, who: Visitor) -> Account:
    """Raises Forbidden for a session that is nobody's own."""
    if who.signed_in is None or who.signed_in.account_id is None:
        raise Forbidden("You came by a link that is nobody's account.")
    async with hub.database.begin() as tx:
        return await accounts.load_account(tx, who.signed_in.account_id)


async def _password_problem(hub: Services, account: Account, present: str, new: str) -> str | None:
    if account.password_digest and not await _matches(hub, account, present):
        return "The present password is another one."
    if len(new) < passwords.SHORTEST:
        return f"The new password must have at least {passwords.SHORTEST} characters."
    if len(new) > passwords.LONGEST:
        return f"The new password must have at most {passwords.LONGEST} characters."
    return None


async def _require_password(hub: Services, account: Account, present: str) -> None:
    if not await _matches(hub, account, present):
        raise Invalid("The present password is another one.")


async def _matches(hub: Services, account: Account, present: str) -> bool:
    if len(present) > passwords.LONGEST:
        return False
    async with hub.login_check.checks:
        return await asyncio.to_thread(passwords.matches, present, account.password_digest)


def _offer(account: Account, secret: str) -> dict[str, Any]:
    address = pyotp.TOTP(secret).provisioning_uri(name=account.email, issuer_name=ISSUER)
    return {"offered": secret, "qr": segno.make(address, error="m").svg_data_uri(scale=5, border=2)}
