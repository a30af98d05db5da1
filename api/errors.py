"""Every failure becomes one JSON answer in the form of its API; nothing unexpected shows its inside."""

import traceback
from functools import partial
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.cpu import off_loop
from api.envelopes import envelope, wrong_method
from api.web import errors as web
from api.web.areas import area_of
from hub.errors import DatabaseUnavailable, HubError
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
    return JSONResponse(envelope(request.url.path, error.message) | error.facts, error.status, error.headers)


async def _hub_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HubError)  # noqa: S101 - Starlette types handlers by the root exception
    if area := area_of(request.url.path):
        return await web.answer(request, area, error)
    # What is wrong with a thousand rows takes a while to write down.
    return render(request, error) if not error.facts else await off_loop(partial(render, request, error))


async def _bad_json(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse(envelope(request.url.path, f"The body is refused: {error}."), HTTPStatus.BAD_REQUEST)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    if area := area_of(request.url.path):
        return await web.problem_page(request, area, error.status_code, "There is no such page.")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and (answer := wrong_method(request.url.path)):
        status, text = answer
        return JSONResponse(envelope(request.url.path, text), status)
    return JSONResponse(envelope(request.url.path, str(error.detail)), error.status_code, error.headers)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    if area := area_of(request.url.path):
        return await web.problem_page(request, area, HTTPStatus.NOT_FOUND, "There is no such page.")
    problems = "; ".join(f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in error.errors())
    return JSONResponse(envelope(request.url.path, problems), HTTPStatus.BAD_REQUEST)


async def _database_unavailable(request: Request, error: Exception) -> Response:
    assert isinstance(error, DatabaseUnavailable)  # noqa: S101 - as above
    log.error("database", failure=error.failure, path=request.url.path)
    if area := area_of(request.url.path):
        return await web.answer(request, area, error)
    return render(request, error)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    log.error("unexpected", failure=type(error).__name__, at=f"{frame.filename}:{frame.lineno}", path=request.url.path)
    body = envelope(request.url.path, "Something went wrong here. Please report it with the X-Request-Id.")
    return JSONResponse(body, HTTPStatus.INTERNAL_SERVER_ERROR)
