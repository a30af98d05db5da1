"""Reading a body: at most 1 MiB, strict JSON, whatever the content type says."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from hub import strictjson
from hub.errors import Invalid, TooLarge

MAX_BODY = 1024 * 1024


async def read_body(request: Request) -> bytes:
    """The raw body. Raises TooLarge over 1 MiB, announced or not."""
    too_large = TooLarge(f"The body is larger than {MAX_BODY} bytes. Send less at once.")
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > MAX_BODY:
        raise too_large
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise too_large
    except ClientDisconnect:
        raise Invalid("The connection ended within the body.") from None
    return bytes(body)


async def read_json(request: Request) -> tuple[bytes, Any]:
    """The raw body and what it holds. Raises TooLarge, BadJson."""
    body = await read_body(request)
    return body, strictjson.loads(body)


Model = TypeVar("Model", bound=BaseModel)


async def read_model(request: Request, model: type[Model]) -> Model:
    """The body as `model`. Raises TooLarge, BadJson, and Invalid, which names every field that is wrong."""
    _, value = await read_json(request)
    return validated(model, value)


def validated(model: type[Model], value: Any) -> Model:
    """Decoded JSON as `model`. Raises Invalid, which names every field that is wrong."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in error.errors())
        raise Invalid("; ".join(faults)) from None
