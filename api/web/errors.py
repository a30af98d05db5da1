"""Errors on the pages of console and portal, as pages."""

from http import HTTPStatus

from fastapi import Request
from starlette.responses import Response

from api.services import Services
from api.web.areas import Area
from api.web.pages import page
from api.web.visitors import NotSignedIn, Visitor, visitor_of
from hub.errors import HubError


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
