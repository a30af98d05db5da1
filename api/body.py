"""Reading a body: at most 1 MiB, strict JSON, whatever the content type says. Big ones are read off the event loop."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from api.cpu import off_loop
from api.exchange import exchange_of
from api.faults import worded
from hub import strictjson
from hub.contracts.limits import check_single_row
from hub.errors import Invalid, TooLarge, UnsupportedEncoding

MAX_BODY: Final = 1024 * 1024
INLINE_BYTES: Final = 8 * 1024
"""Up to here parsing and validating takes less than handing it to another thread is worth."""
MOST_FIELDS: Final = 1000  # of an object that a model reads

Parsed = TypeVar("Parsed")


async def read_body(request: Request, most: int = MAX_BODY) -> bytes:
    """The raw body. Raises TooLarge over `most` bytes, announced or not, UnsupportedEncoding for a compressed one."""
    if request.headers.get("content-encoding", "").strip().lower() not in {"", "identity"}:
        raise UnsupportedEncoding("Content-Encoding: is not supported. Send the body as it is.")
    too_large = TooLarge(f"The body is larger than {most} bytes. Send less at once.")
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > most:
        raise too_large
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                raise too_large
    except ClientDisconnect:
        raise Invalid("The connection ended within the body.") from None
    exchange = exchange_of(request)
    exchange.body = bytes(body)
    return exchange.body


async def read_parsed(request: Request, parse: Callable[[Any], Parsed]) -> tuple[bytes, Parsed]:
    """The raw body, and what `parse` makes of the value it holds. Raises TooLarge, BadJson, and what `parse` raises.

    `parse` may run in another thread.
    """
    body = await read_body(request)
    work = partial(_parse, body, parse)
    return body, work() if len(body) <= INLINE_BYTES else await off_loop(work)


def _parse(body: bytes, parse: Callable[[Any], Parsed]) -> Parsed:
    return parse(strictjson.loads(body))


async def read_json(request: Request) -> tuple[bytes, Any]:
    """The raw body and what it holds, of a request that is one row. Raises TooLarge, BadJson, Invalid."""
    return await read_parsed(request, _single_row)


def _single_row(value: Any) -> Any:
    check_single_row(value)
    return value


Model = TypeVar("Model", bound=BaseModel)


async def read_model(request: Request, model: type[Model]) -> Model:
    """The body, one row, as `model`. Raises TooLarge, BadJson, and Invalid, which names every field that is wrong."""
    _, found = await read_parsed(request, lambda value: validated(model, _single_row(value)))
    return found


def validated(model: type[Model], value: Any) -> Model:
    """Decoded JSON as `model`. Raises Invalid, which names every field that is wrong."""
    if isinstance(value, dict) and len(value) > MOST_FIELDS:
        raise Invalid(f"must have at most {MOST_FIELDS} fields, not {len(value)}.", field="body")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise worded(error.errors(include_url=False, include_context=False, include_input=False)) from None
