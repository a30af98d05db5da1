"""What can go wrong, with its facts: HTTP status, headers, and whether a later try may succeed.

HubError
├── Invalid        400  the request is malformed; says which field and how to mend it
├── Unauthorized   401  no, unknown, expired or revoked key
├── Forbidden      403  a known key that may not do this
├── NotFound       404
├── Conflict       409  the same thing is under way
├── TooLarge       413
│   └── NeverFits           one request is more than its rate limit ever lets through; says the limit
├── UnsupportedEncoding  415  a compressed body
├── KeyReused      422  an Idempotency-Key with another body
├── RateLimited    429  carries the limit and when to come back
└── Unavailable    503  database or Temporal can't take it now; nothing is promised
    └── DatabaseUnavailable      the transaction failed; says by which kind of error, never with its text
        └── ConstraintViolated   a constraint of the database refused what was written; says which
"""

from http import HTTPStatus
from typing import Any, Final

from hub.reasons import Reason

EXIT_MISCONFIGURED: Final = 78  # EX_CONFIG of sysexits.h


class HubError(Exception):
    """The root. `message` is for the caller and holds nothing personal.

    `field` names the input or column that is at fault; `message` begins with it, `reason` is the message without it.
    """

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    retryable = False

    def __init__(self, reason: str, *, field: str | None = None) -> None:
        self.reason, self.field = reason, field
        self.message = reason if field is None else f"{field}: {reason}"
        super().__init__(self.message)

    @property
    def headers(self) -> dict[str, str]:
        return {}

    @property
    def facts(self) -> dict[str, Any]:
        """What the answer's body says besides the message."""
        return {}

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """What is kept of it with the request that it refused."""
        return (Reason(self.reason, field=self.field),)


class Misconfigured(Exception):
    """The hub can't run with its settings. The text names environment variables and never holds a value of theirs.

    No HubError: it ends a process or a command, and is never an answer.
    """


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


class NeverFits(TooLarge):
    """`weight` in one request, of a `limit` a rolling 60 s."""

    def __init__(self, limit: int, weight: int) -> None:
        super().__init__(f"{weight} in one request can never pass a limit of {limit} per 60 seconds.")
        self.limit = limit

    @property
    def headers(self) -> dict[str, str]:
        return {"RateLimit-Policy": _policy(self.limit)}


class UnsupportedEncoding(HubError):
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


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
            "RateLimit-Policy": _policy(self.limit),
            "RateLimit": f'"default";r={left};t={self.retry_after}',
        }


def _policy(limit: int) -> str:
    return f'"default";q={limit};w=60'


class Unavailable(HubError):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    retryable = True

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": "5"}


class DatabaseUnavailable(Unavailable):
    """`failure`: the class name of what went wrong. The error itself is not kept, as its text may quote values."""

    def __init__(self, failure: str) -> None:
        super().__init__("The hub's database can't take this request now. Please try again.")
        self.failure = failure

    def __str__(self) -> str:
        return f"{self.message} ({self.failure})"


class ConstraintViolated(DatabaseUnavailable):
    """`constraint` by its name in the database (`fk_TABLE_COLUMN`, `uq_TABLE_COLUMNS`), of `table`."""

    def __init__(self, failure: str, constraint: str, table: str) -> None:
        super().__init__(failure)
        self.constraint, self.table = constraint, table
