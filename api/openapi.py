"""What /docs shows of routes that read their bodies by themselves: the request's schema, the errors' forms."""

from typing import Any

from pydantic import BaseModel

MEANINGS = {
    400: "Malformed: the text names the field and what is wrong",
    401: "Missing, unknown, expired or revoked key",
    403: "The account is disabled, or the key may not be used from here",
    404: "There is no such thing of yours",
    409: "The first request with this Idempotency-Key is still under way, or the lease was lost",
    413: "The body is over 1 MiB, or more than the rate limit could ever let through",
    415: "The body has a Content-Encoding",
    422: "This Idempotency-Key came with another body before",
    429: "Rate limit exceeded; Retry-After says when to come back",
    503: "Nothing was promised; send the same request again after Retry-After seconds",
}
COMMON = tuple(status for status in MEANINGS if status != 404)  # noqa: PLR2004 - HTTP's own number
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Any printable ASCII. The same key and body within 24 h get the first answer again",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
KEYED = {"parameters": [IDEMPOTENCY_KEY]}
"""For the `openapi_extra` of a route without a body that honours it."""


def errors(key: str, *statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error answers `{key: text}` for FastAPI's `responses`; the ones common to all partner APIs unless named."""
    schema = {"type": "object", "required": [key], "properties": {key: {"type": "string"}}}
    content = {"application/json": {"schema": schema}}
    return {status: {"description": MEANINGS[status], "content": content} for status in statuses or COMMON}


def body(model: type[BaseModel], example: object, *, idempotency_key: bool = True) -> dict[str, Any]:
    """The request body and, where the route honours it, Idempotency-Key, for FastAPI's `openapi_extra`."""
    schema = _inlined(model.model_json_schema())
    content = {"application/json": {"schema": schema, "example": example}}
    described = {"requestBody": {"required": True, "content": content}}
    return described | (KEYED if idempotency_key else {})


def without_own_validation(described: dict[str, Any]) -> dict[str, Any]:
    """FastAPI's description without the 422 that it adds to routes with parameters: here that is a 400."""
    schemas = described.get("components", {}).get("schemas", {})
    if schemas.pop("HTTPValidationError", None) and schemas.pop("ValidationError", None):
        operations = [each for path in described["paths"].values() for each in path.values()]
        for operation in operations:
            answer = operation["responses"].get("422", {})
            if "HTTPValidationError" in str(answer.get("content", "")):
                del operation["responses"]["422"]
    return described


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    definitions = schema.pop("$defs", {})

    def resolve(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return resolve(definitions[node["$ref"].rpartition("/")[2]])
            return {key: resolve(value) for key, value in node.items()}
        return [resolve(item) for item in node] if isinstance(node, list) else node

    resolved: dict[str, Any] = resolve(schema)
    return resolved
