"""Errors on the pages of console and portal, as pages."""

from http import HTTPStatus

from fastapi import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match

from api.services import Services
from api.web.areas import Area
from api.web.pages import page
from api.web.visitors import NotSignedIn, Visitor, visitor_of
from hub.errors import HubError


def page_of_form(request: Request, area: Area) -> Response | None:
    """To the page whose form is sent to this address, which somebody opened or reloaded instead; None: it is none.

    Forms are sent to addresses below their page's own.
    """
    path = request.url.path
    if request.method != "GET":
        return None
    while path != area.path:
        path = path.rpartition("/")[0]
        scope = {**request.scope, "path": path}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
            return RedirectResponse(path, HTTPStatus.SEE_OTHER)
    return None


async def problem_page(request: Request, area: Area, status: int, message: str) -> Response:
    """The error in words, in the frame that the visitor knows."""
    try:
        hub: Services = request.app.state.services
        visitor = await visitor_of(request, hub)
    except HubError:  # the database is away, or the connection is not to be trusted
        visitor = Visitor(area, None, "", None)
    heading = HTTPStatus(status).phrase
    return page(visitor, "problem.html", status, heading=heading, message=message,
                request_id=request.scope["state"]["request_id"])  # fmt: skip


async def answer(request: Request, area: Area, error: HubError) -> Response:
    """The page for `error`; for one who has not signed in, the way there."""
    if isinstance(error, NotSignedIn):
        return error.response()
    response = await problem_page(request, area, error.status, error.message)
    response.headers.update(error.headers)
    return response
