"""Operators sign in by the company's OpenID provider: authorization code with PKCE, as OpenID Connect Core 1.0 has it.

Whoever comes must have an account here, found by the provider's verified mail address the first time, and from then on
by the provider's own id of the person.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import asdict, dataclass
from secrets import token_urlsafe
from time import time
from typing import Any, Final

import structlog
from aiohttp import BasicAuth, ClientError, ClientSession, ClientTimeout
from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from api.services import Services
from api.web.areas import CONSOLE
from api.web.sign_in import Who, own_page
from api.web.visitors import Hub, open_session
from hub import strictjson
from hub.errors import Forbidden, NotFound, Unavailable
from hub.seal import SealError
from hub.settings import Settings
from hub.store import accounts

router = APIRouter(prefix="/sign-in/oidc", include_in_schema=False)
log = structlog.get_logger()
COOKIE: Final = "hub_oidc"
COOKIE_SECONDS: Final = 600  # from here to the provider and back
TIMEOUT: Final = ClientTimeout(total=10)
MOST_BYTES: Final = 256 * 1024
LEEWAY_SECONDS: Final = 60
ALGORITHMS: Final = ["RS256", "PS256", "ES256", "EdDSA"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to the provider and back, kept in the browser, sealed."""

    state: str
    nonce: str
    verifier: str
    then: str
    until: int


@router.get("")
async def begin(hub: Hub, who: Who, then: str = "") -> Response:
    """To the provider. Raises NotFound where none is configured, Unavailable."""
    provider = await _discover(_issuer(hub.settings))
    attempt = Attempt(token_urlsafe(32), token_urlsafe(32), token_urlsafe(48), own_page(who.area, then),
                      int(time()) + COOKIE_SECONDS)  # fmt: skip
    address = prepare_grant_uri(
        provider["authorization_endpoint"],
        client_id=hub.settings.oidc_client_id,
        response_type="code",
        redirect_uri=_redirect_uri(hub),
        scope="openid email profile",
        state=attempt.state,
        nonce=attempt.nonce,
        code_challenge=create_s256_code_challenge(attempt.verifier),
        code_challenge_method="S256",
    )
    response = RedirectResponse(address, 303)
    sealed = hub.vault.seal_secret(json.dumps(asdict(attempt)).encode(), row="oidc", column=COOKIE)
    response.set_cookie(
        COOKIE, urlsafe_b64encode(sealed).decode(), max_age=COOKIE_SECONDS, path=f"{CONSOLE.path}/sign-in/oidc",
        secure=not hub.settings.development, httponly=True, samesite="lax",
    )  # fmt: skip
    return response


@router.get("/callback")
async def finish(request: Request, hub: Hub, code: str = "", state: str = "", error: str = "") -> Response:
    """Back from the provider. Raises Forbidden for whoever it does not vouch for, or who has no account here."""
    attempt = _attempt(hub, request.cookies.get(COOKIE, ""))
    if attempt is None or state != attempt.state:
        raise Forbidden("That took too long, or began in another browser. Sign in again.")
    if error or not code:
        log.warning("oidc", failure="refused by the provider")
        raise Forbidden("The provider did not let you in.")
    claims = await _claims(hub, attempt, code)
    subject = f"{claims['iss']} {claims['sub']}"
    email = str(claims.get("email", "")) if claims.get("email_verified") is True else ""
    async with hub.database.begin() as tx:
        account = await accounts.account_of_provider(tx, subject, email)
        if account is None:
            raise Forbidden("You have no account here, or it is disabled. Ask an administrator to invite you.")
        response = await open_session(tx, request, hub, CONSOLE, account, attempt.then)
    response.delete_cookie(COOKIE, path=f"{CONSOLE.path}/sign-in/oidc", httponly=True, samesite="lax")
    return response


def _issuer(settings: Settings) -> str:
    if settings.oidc_issuer is None:
        raise NotFound("There is no provider to sign in by.")
    return settings.oidc_issuer


def _redirect_uri(hub: Services) -> str:
    base = hub.settings.console_url or hub.settings.public_url
    return f"{base}{CONSOLE.path}/sign-in/oidc/callback"


def _attempt(hub: Services, cookie: str) -> Attempt | None:
    try:
        text = hub.vault.open_secret(urlsafe_b64decode(cookie), row="oidc", column=COOKIE)
    except (SealError, ValueError):
        return None
    attempt = Attempt(**json.loads(text))
    return attempt if attempt.until > time() else None


async def _claims(hub: Services, attempt: Attempt, code: str) -> dict[str, Any]:
    """What the provider's signed token says of the person."""
    issuer, settings = _issuer(hub.settings), hub.settings
    provider = await _discover(issuer)
    secret = settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else ""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": _redirect_uri(hub),
        "code_verifier": attempt.verifier,
        "client_id": settings.oidc_client_id or "",
    }
    tokens = await _ask(provider["token_endpoint"], form, BasicAuth(settings.oidc_client_id or "", secret))
    keys = await _ask(provider["jwks_uri"])
    try:
        decoded = jwt.decode(str(tokens.get("id_token", "")), KeySet.import_key_set(keys), algorithms=ALGORITHMS)  # type: ignore[arg-type]  # JSON
        expected = {"iss": {"value": provider["issuer"]}, "aud": {"value": settings.oidc_client_id}}
        context = {"nonce": attempt.nonce, "client_id": settings.oidc_client_id}
        claims = CodeIDToken(decoded.claims, decoded.header, expected, context)
        claims.validate(leeway=LEEWAY_SECONDS)
    except (JoseError, AuthlibBaseError, ValueError) as error:
        log.warning("oidc", failure=type(error).__name__)
        raise Forbidden("The provider's token is not valid. Sign in again, or ask an administrator.") from None
    return dict(claims)


async def _discover(issuer: str) -> dict[str, Any]:
    """The provider's description of itself. Raises Unavailable, also for one of another issuer."""
    found = await _ask(f"{issuer}/.well-known/openid-configuration")
    needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    if str(found.get("issuer", "")).rstrip("/") != issuer or not all(
        isinstance(found.get(name), str) for name in needed
    ):
        log.error("oidc", failure="its configuration names another issuer, or lacks an endpoint")
        raise Unavailable("The provider to sign in by is not set up as it should be.")
    return found


async def _ask(url: str, form: dict[str, str] | None = None, auth: BasicAuth | None = None) -> dict[str, Any]:
    """The JSON object at `url`. Raises Unavailable."""
    try:
        async with (
            ClientSession(timeout=TIMEOUT, auth=auth) as session,
            session.request("POST" if form else "GET", url, data=form, allow_redirects=False) as response,
        ):
            body = bytearray()
            async for part in response.content.iter_any():
                body += part
                if len(body) > MOST_BYTES:
                    break
            found = strictjson.loads(bytes(body)) if response.ok and len(body) <= MOST_BYTES else None
    except (TimeoutError, ClientError, strictjson.BadJson) as error:
        log.warning("oidc", failure=type(error).__name__)
        found = None
    if not isinstance(found, dict):
        raise Unavailable("The provider to sign in by does not answer as it should. Please try again.")
    return found
