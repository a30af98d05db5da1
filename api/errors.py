"""Every failure becomes one JSON answer in the form of its API; nothing unexpected shows its inside."""

import traceback
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api import problems
from api.cpu import off_loop
from api.envelopes import envelope, wrong_method
from api.exchange import exchange_of
from api.faults import worded
from api.web import errors as web
from api.web.areas import area_of
from hub.errors import DatabaseUnavailable, HubError
from hub.reasons import Reason
from hub.strictjson import BadJson

log = structlog.get_logger()


def install(app: FastAPI) -> None:
    app.add_exception_handler(HubError, _hub_error)
    app.add_exception_handler(BadJson, _bad_json)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(DatabaseUnavailable, _database_unavailable)
    app.add_exception_handler(Exception, _unexpected)


def render(request: Request, error: HubError) -> JSONResponse:
    """The answer to `error` in the form of the request's API."""
    return _answer(request, error.status, error.message, field=error.field, headers=error.headers, facts=error.facts)


def _answer(
    request: Request,
    status: int,
    message: str,
    *,
    field: str | None = None,
    headers: Mapping[str, str] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> JSONResponse:
    path = request.url.path
    if not problems.applies_to(path):
        return JSONResponse({**envelope(path, message), **(facts or {})}, status, headers)
    body = problems.document(status, message, field, request.state.request_id)
    challenge = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
    return JSONResponse({**body, **(facts or {})}, status, {**(headers or {}), **challenge}, problems.MEDIA_TYPE)


async def _hub_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HubError)  # noqa: S101 - Starlette types handlers by the root exception
    exchange_of(request).reasons = error.reasons
    if area := area_of(request.url.path):
        return await web.answer(request, area, error)
    # What is wrong with a thousand rows takes a while to write down.
    return render(request, error) if not error.facts else await off_loop(partial(render, request, error))


async def _bad_json(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BadJson)  # noqa: S101 - as above
    exchange_of(request).reasons = (Reason(error.reason),)
    return _answer(request, HTTPStatus.BAD_REQUEST, f"The body is refused: {error}.")


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette types handlers by the root exception
    if area := area_of(request.url.path):
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and (page := web.page_of_form(request, area)):
            return page
        return await web.problem_page(request, area, error.status_code, "There is no such page.")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and (answer := wrong_method(request.url.path)):
        return _answer(request, *answer)
    return _answer(request, error.status_code, str(error.detail), headers=error.headers)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - Starlette types handlers by the root exception
    found = worded([{**each, "loc": each["loc"][1:]} for each in error.errors()])
    if area := area_of(request.url.path):
        if error.errors()[0]["loc"][0] == "query":
            return await web.answer(request, area, found)
        return await web.problem_page(request, area, HTTPStatus.NOT_FOUND, "There is no such page.")
    return render(request, found)


async def _database_unavailable(request: Request, error: Exception) -> Response:
    assert isinstance(error, DatabaseUnavailable)  # noqa: S101 - Starlette types handlers by the root exception
    log.error("database", failure=error.failure, path=request.url.path)
    exchange_of(request).reasons = error.reasons
    if area := area_of(request.url.path):
        return await web.answer(request, area, error)
    return render(request, error)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    log.error("unexpected", failure=type(error).__name__, at=f"{frame.filename}:{frame.lineno}", path=request.url.path)
    message = "Something went wrong here. Please report it with the X-Request-Id."
    # This answer is given outside of the middleware that adds the id to all others.
    named = {"X-Request-Id": request.state.request_id}
    return _answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, message, headers=named)
