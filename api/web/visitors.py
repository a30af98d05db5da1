"""Who looks at a page: their session by its cookie, what they may do, and the token that their forms carry."""

import hmac
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Depends, Request
from starlette.responses import RedirectResponse, Response

from api.auth import client_address, require_https
from api.known_browsers import keep, presented
from api.services import Services, services
from api.web.areas import Area, area_of
from hub.accounts import Account, Role
from hub.actors import Actor
from hub.errors import Forbidden, HubError, Unauthorized
from hub.store import accounts, known_browsers, sign_ins
from hub.store.db.engine import Tx

CSRF_FIELD: Final = "csrf"
LONGEST_TOKEN: Final = 200


class NotSignedIn(HubError):
    """The page is for those who have signed in: they are asked to, and come back to it."""

    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, area: Area, then: str) -> None:
        super().__init__("Sign in first.")
        self.area, self.then = area, then

    def response(self) -> Response:
        """To the form that leads back here."""
        return RedirectResponse(f"{self.area.path}/sign-in?{urlencode({'then': self.then})}", 303)


@dataclass(frozen=True, slots=True)
class Visitor:
    """`signed_in` None: somebody who has not signed in, on the pages for that. `csrf`: what forms must carry."""

    area: Area
    signed_in: sign_ins.SignedIn | None
    csrf: str
    address: str | None

    @property
    def actor(self) -> Actor:
        assert self.signed_in is not None  # noqa: S101 - pages of those who have not signed in change nothing
        return self.signed_in.actor(self.address)

    @property
    def partner_id(self) -> int | None:
        """The tenant of everything that the visitor may see; None for an operator, who may see all."""
        return self.signed_in.partner_id if self.signed_in else None

    @property
    def tenant(self) -> int:
        """As `partner_id`, on pages of the portal alone."""
        assert self.partner_id is not None  # noqa: S101 - every session of the portal has a partner
        return self.partner_id

    def may(self, role: str) -> bool:
        """Whether the visitor has at least this role."""
        return self.signed_in is not None and self.signed_in.role.covers(Role(role))

    def require(self, role: Role) -> None:
        """Raises Forbidden."""
        if not self.may(role):
            raise Forbidden(f"This needs the role {role}. Ask an administrator.")


async def visitor_of(request: Request, hub: Annotated[Services, Depends(services)]) -> Visitor:
    """The dependency of all pages: who it is, signed in or not, in the area of the request's path.

    Raises Forbidden for plain HTTP in production.
    """
    require_https(request, hub)
    area = area_of(request.url.path)
    assert area is not None  # noqa: S101 - the routers of these pages are mounted at an area's path
    token = request.cookies.get(area.cookie, "")
    signed_in = None
    if 0 < len(token) <= LONGEST_TOKEN:
        async with hub.database.begin() as tx:
            signed_in = await sign_ins.find_session(tx, token, portal=area.portal, used=not _refreshes(request))
    address = client_address(request, hub)
    csrf = hub.vault.index("csrf", signed_in.session_id.hex()).hex() if signed_in else ""
    return Visitor(area, signed_in, csrf, str(address) if address else None)


def _refreshes(request: Request) -> bool:
    """Whether the page's own script asks: a page that is left open is not used."""
    return "x-requested-for" in request.headers


def signed_in(role: Role = Role.VIEWER) -> Callable[..., Coroutine[Any, Any, Visitor]]:
    """The dependency of pages for those who have signed in and have this role.

    Raises NotSignedIn, and Forbidden for a lesser role. Whoever changes something reads the form by `read_form`.
    """

    async def dependency(request: Request, visitor: Annotated[Visitor, Depends(visitor_of)]) -> Visitor:
        if visitor.signed_in is None:
            asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            raise NotSignedIn(visitor.area, asked if request.method == "GET" else visitor.area.path)
        visitor.require(role)
        return visitor

    return dependency


SignedIn = Annotated[Visitor, Depends(signed_in())]
Operating = Annotated[Visitor, Depends(signed_in(Role.OPERATOR))]
Administering = Annotated[Visitor, Depends(signed_in(Role.ADMIN))]
Hub = Annotated[Services, Depends(services)]


def check_token(visitor: Visitor, presented: str) -> None:
    """Raises Forbidden for a form that this session's pages did not make."""
    if not hmac.compare_digest(presented.encode(errors="surrogatepass"), visitor.csrf.encode()):
        raise Forbidden("The form is too old, or of another page. Reload the page and try again.")


def with_session(hub: Services, area: Area, token: str, then: str) -> Response:
    """On to the page `then`, with the session's cookie."""
    response = RedirectResponse(then, 303)
    response.set_cookie(
        area.cookie,
        token,
        max_age=int(sign_ins.SESSION_LIFETIME.total_seconds()),
        path=area.path,
        secure=not hub.settings.development,
        httponly=True,
        samesite="lax",
    )
    return response


async def open_session(tx: Tx, request: Request, hub: Services, area: Area, account: Account, then: str) -> Response:
    """Sign the account in, and know its browser from now on; on to the page `then`.

    Raises Unauthorized for one whose password was changed, or that was disabled, since it was loaded.
    """
    if not await accounts.note_sign_in(tx, account):
        raise Unauthorized("The account was changed just now. Sign in again.")
    token = await sign_ins.open_session(tx, account.id, account.partner_id, account.role)
    known = await known_browsers.remember(tx, presented(request, area.cookie), account_id=account.id)
    response = with_session(hub, area, token, then)
    keep(response, area.cookie, known, area.path, secure=not hub.settings.development)
    return response
