"""Errors of the management routes as RFC 9457 problem documents, in answers and in /docs.

`type` is always `about:blank`: the status says what kind of problem it is, `detail` the rest.
"""

from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel, Field

from api.openapi import KEYED, MEANINGS, body

MEDIA_TYPE: Final = "application/problem+json"
_MANAGEMENT, _DIALERS = "/v1/", "/v1/dialer/"


class Problem(BaseModel):
    """What is wrong with a request."""

    type: str = "about:blank"
    title: str = Field(description="The status in words")
    status: int
    detail: str = Field(description="What is wrong, and how to mend it")
    field: str | None = Field(None, description="The parameter or the body's field that is at fault, if it is one")
    request_id: str = Field(description="As X-Request-Id: please name it when you report the problem")


def applies_to(path: str) -> bool:
    """Whether errors on this path are problem documents."""
    return path.startswith(_MANAGEMENT) and not path.startswith(_DIALERS)


def document(status: int, detail: str, field: str | None, request_id: str) -> dict[str, Any]:
    """The body of an error's answer; `field` only where there is one."""
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, field=field, request_id=request_id)
    return problem.model_dump(exclude_none=True)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These errors for FastAPI's `responses`, beside those that every management route may answer."""
    return {status: _described(status) for status in sorted({400, 401, 403, 503, *statuses})}


def change(*statuses: int) -> dict[str, Any]:
    """For the decorator of a route that changes something and has no body: its errors, and its Idempotency-Key."""
    return {"responses": responses(413, 415, 422, *statuses), "openapi_extra": KEYED}


def change_by(
    model: type[BaseModel], example: object, *statuses: int, more: dict[int | str, dict[str, Any]] | None = None
) -> dict[str, Any]:
    """As `change`, with a body. `more`: further answers that are no errors."""
    described = change(*statuses)
    return {"responses": described["responses"] | (more or {}), "openapi_extra": body(model, example)}


def asked_by(model: type[BaseModel], example: object, *statuses: int) -> dict[str, Any]:
    """For the decorator of a route that changes nothing, and whose body says what is asked for."""
    return {
        "responses": responses(413, 415, *statuses),
        "openapi_extra": body(model, example, idempotency_key=False),
    }


def _described(status: int) -> dict[str, Any]:
    example = document(status, MEANINGS[status], None, "0f3c6a52e1b94d0f8b7f1c2d3e4a5b6c")
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema(), "example": example}}
    return {"description": MEANINGS[status], "content": content}
