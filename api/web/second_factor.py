"""Codes of the second factor (TOTP, RFC 6238): few tries, and each code works once."""

import hmac
from time import time
from typing import Final

import pyotp
from fastapi import Request

from api.known_browsers import presented
from api.services import Services
from api.web.areas import Area
from hub.accounts import Account
from hub.store import accounts, known_browsers, login_tries

STEP_SECONDS: Final = 30
MOST_TRIES: Final = 5  # within 15 minutes: a code has a million values, of which two are right
BAD_CODE: Final = "That code is not valid, or was used before. Wait for the next one."
TOO_MANY: Final = f"{MOST_TRIES} codes were wrong. Wait 15 minutes, then try the next one; or ask for help."


def step_of(secret: str, code: str) -> int | None:
    """The 30 seconds, these or the last ones, whose code it is; None for a wrong one."""
    now = int(time())
    for at in (now, now - STEP_SECONDS):
        if hmac.compare_digest(pyotp.TOTP(secret).at(at).encode(), code.encode(errors="replace")):
            return at // STEP_SECONDS
    return None


async def problem_of(request: Request, hub: Services, area: Area, account: Account, code: str) -> str | None:
    """What is wrong with the code, BAD_CODE or TOO_MANY; None: it is right, and now used."""
    async with hub.database.begin() as tx:
        browser = await known_browsers.find(tx, presented(request, area.cookie), account_id=account.id)
        name = hub.vault.index("account code", browser.hex() if browser else str(account.id))
        if not await login_tries.admit(tx, hub.vault, name, None, MOST_TRIES):
            return TOO_MANY
        secret = accounts.totp_secret(hub.vault, account)
        step = step_of(secret, code) if secret else None
        if step is None or not await accounts.use_totp_step(tx, account.id, step):
            return BAD_CODE
        await login_tries.forget(tx, name)
    return None
