"""The cookie of a browser that somebody has signed in with (see hub.store.known_browsers), beside the session's."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from hub.store import known_browsers

LONGEST: Final = 200


def presented(request: Request, session_cookie: str) -> str:
    """The random text that the browser has from its last sign-in there, "" without one."""
    token = request.cookies.get(_name(session_cookie), "")
    return token if len(token) <= LONGEST else ""


def keep(response: Response, session_cookie: str, token: str, path: str, *, secure: bool) -> None:
    """Have the browser keep it: it stays when the session ends."""
    response.set_cookie(
        _name(session_cookie),
        token,
        max_age=int(known_browsers.LIFETIME.total_seconds()),
        path=path,
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def _name(session_cookie: str) -> str:
    return f"{session_cookie}_known"
