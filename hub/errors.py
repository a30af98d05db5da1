"""What can go wrong, with its facts: HTTP status, headers, and whether a later try may succeed.

HubError
├── Invalid        400  the request is malformed; says which field and how to mend it
├── Unauthorized   401  no, unknown, expired or revoked key
├── Forbidden      403  a known key that may not do this
├── NotFound       404
├── Conflict       409  the same thing is under way
├── TooLarge       413
├── KeyReused      422  an Idempotency-Key with another body
├── RateLimited    429  carries the limit and when to come back
└── Unavailable    503  database or Temporal can't take it now; nothing is promised
"""

from http import HTTPStatus
from typing import Any


class HubError(Exception):
    """The root. `message` is for the caller and holds nothing personal."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    retryable = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def headers(self) -> dict[str, str]:
        return {}

    @property
    def facts(self) -> dict[str, Any]:
        """What the answer's body says besides the message."""
        return {}


class Invalid(HubError):
    status = HTTPStatus.BAD_REQUEST


class Unauthorized(HubError):
    status = HTTPStatus.UNAUTHORIZED


class Forbidden(HubError):
    status = HTTPStatus.FORBIDDEN


class NotFound(HubError):
    status = HTTPStatus.NOT_FOUND


class Conflict(HubError):
    status = HTTPStatus.CONFLICT

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": "1"}


class TooLarge(HubError):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class KeyReused(HubError):
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class RateLimited(HubError):
    """`limit` a rolling 60 s; `retry_after` whole seconds until this request would fit."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    retryable = True

    def __init__(self, limit: int, used: int, retry_after: int) -> None:
        super().__init__(f"Rate limit exceeded. Maximum {limit} requests per 60 seconds.")
        self.limit, self.used, self.retry_after = limit, used, retry_after

    @property
    def headers(self) -> dict[str, str]:
        """draft-ietf-httpapi-ratelimit-headers: the policy, what is left of it, and when there is more."""
        left = max(0, self.limit - self.used)
        return {
            "Retry-After": str(self.retry_after),
            "RateLimit-Policy": f'"default";q={self.limit};w=60',
            "RateLimit": f'"default";r={left};t={self.retry_after}',
        }


class Unavailable(HubError):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    retryable = True

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": "5"}
