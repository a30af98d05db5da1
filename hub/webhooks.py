"""Webhook rules without I/O: event types, signatures, what a response means, when the next attempt is due.

Signatures follow the Standard Webhooks specification. Time and random numbers come in as arguments.
"""

import base64
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Final, Literal, get_args

from standardwebhooks import Webhook

EventType = Literal[
    "lead.created",
    "lead.processed",
    "lead.interested",
    "lead.converted",
    "lead.deleted",
    "call.scheduled",
    "call.completed",
    "meeting.booked",
    "discount.sent",
    "discount.failed",
    "endpoint.test",
    "endpoint.disabled",
]
EVENT_TYPES: Final[tuple[EventType, ...]] = get_args(EventType)

# Why an attempt got no response: the name was not found, no connection, no trusted TLS, no response within 15 s, an
# address that the egress rules deny, or a response that is not HTTP.
FailureKind = Literal["dns", "connect", "tls", "timeout", "denied", "protocol"]

MAX_BODY_BYTES: Final = 256 * 1024

MOST_PLACES: Final = 8
"""How many attempts to one endpoint may be under way at once, over all processes."""

PAUSED_AFTER: Final = 5
"""An endpoint is paused after so many failed attempts in a row."""

FIRST_PAUSE: Final = timedelta(seconds=15)
LONGEST_PAUSE: Final = timedelta(minutes=5)

WARNED_AT: Final = (50, 70, 90)
"""Percentages of the time after which a failing endpoint is disabled."""

MAX_RETRY_AFTER: Final = timedelta(hours=24)

_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - marks a secret, is none
_SECRET_BYTES: Final = 32
_FEWEST_BYTES, _MOST_BYTES = 24, 64
_JITTER: Final = 0.2
_BUSY_WAIT: Final = timedelta(seconds=60)
_WAITS: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
# Ten digits of seconds are three centuries. Python refuses to convert numbers of thousands of digits.
_MAX_SECONDS_DIGITS: Final = 10


class PayloadFormat(StrEnum):
    """What an endpoint is sent: the hub's envelope (`type`, `timestamp`, `data`), or its campaign's own payload."""

    ENVELOPE = "envelope"
    CAMPAIGN = "campaign"


# A SquadIQ endpoint answers 400 to a wrong payload and 403 to wrong credentials, and a retry would change neither
# (docs/partners/squadiq.md). Only SquadIQ's campaigns have a payload of their own.
FINAL_STATUSES: Final[Mapping[PayloadFormat, frozenset[int]]] = {
    PayloadFormat.ENVELOPE: frozenset(),
    PayloadFormat.CAMPAIGN: frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN}),
}


class DeliveryState(StrEnum):
    """The state of an event's delivery to one endpoint. DELIVERED and FAILED are final."""

    PENDING = "pending"
    """An attempt is due, now or later, or under way."""
    WAITING = "waiting"
    """Its endpoint is disabled; it goes on when that is enabled."""
    DELIVERED = "delivered"
    FAILED = "failed"


class Verdict(StrEnum):
    """What follows from one attempt for its delivery."""

    DELIVERED = "delivered"
    RETRY = "retry"
    DISABLE = "disable"
    """The endpoint is gone: no further attempt of this or any other delivery to it."""
    GIVE_UP = "give_up"
    """No further automatic attempt of this delivery; the endpoint stays."""


def new_secret() -> str:
    """A secret for an endpoint: `whsec_` and the base64 of 32 random bytes."""
    return _SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def is_secret(text: str) -> bool:
    """Whether it is a secret as the Standard Webhooks specification has them: of 24 to 64 bytes."""
    try:
        key = base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True)
    except ValueError:
        return False
    return text.startswith(_SECRET_PREFIX) and _FEWEST_BYTES <= len(key) <= _MOST_BYTES


def sign(signing_secrets: Sequence[str], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three `webhook-` headers for a UTF-8 body.

    `signing_secrets`: the current secret and, while a rotation overlaps, the previous one; each adds one signature.
    `message_id` is the same for all attempts and replays, `at` (aware) is the time of this attempt. Raises ValueError
    without a secret, or for a naive time.
    """
    if not signing_secrets:
        raise ValueError("a webhook is never sent unsigned")
    if at.tzinfo is None:
        raise ValueError("the time of an attempt needs a zone")
    # The library signs the repr of bytes, and takes local time for UTC, both without an error.
    moment, text = at.astimezone(UTC), body.decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, moment, text) for secret in signing_secrets),
    }


def verdict(outcome: int | FailureKind, payload_format: PayloadFormat) -> Verdict:
    """What follows from an attempt's HTTP status or failure, for an endpoint of this payload format."""
    if not isinstance(outcome, int):
        return Verdict.RETRY
    if HTTPStatus.OK <= outcome < HTTPStatus.MULTIPLE_CHOICES:
        return Verdict.DELIVERED
    if outcome == HTTPStatus.GONE:
        return Verdict.DISABLE
    return Verdict.GIVE_UP if outcome in FINAL_STATUSES[payload_format] else Verdict.RETRY


def next_wait(
    attempt: int, outcome: int | FailureKind, *, jitter: float, retry_after: timedelta | None = None
) -> timedelta | None:
    """The wait after the failed `attempt` (1 is the first) until the next, None after the tenth.

    `jitter` between -1 and 1 changes the scheduled wait by up to 20%. The wait is at least `retry_after` (up to 24 h),
    and after a timeout or 429 at least 60 s.
    """
    if attempt < 1:
        raise ValueError("attempts count from 1")
    if attempt > len(_WAITS):
        return None
    floor = min(retry_after or timedelta(0), MAX_RETRY_AFTER)
    if outcome in ("timeout", HTTPStatus.TOO_MANY_REQUESTS):
        floor = max(floor, _BUSY_WAIT)
    return max(_WAITS[attempt - 1] * (1 + _JITTER * jitter), floor)


def parse_retry_after(text: str | None, now: datetime) -> timedelta | None:
    """Read a `Retry-After` header, seconds or HTTP date (RFC 9110, 10.2.3): 0 to 24 h, None for anything else."""
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        if len(text) > _MAX_SECONDS_DIGITS:
            return MAX_RETRY_AFTER
        return min(timedelta(seconds=int(text)), MAX_RETRY_AFTER)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):  # malformed dates have raised each of these
        return None
    # "-0000" parses to a time without a zone; it means UTC.
    until = date if date.tzinfo else date.replace(tzinfo=UTC)
    return min(max(until - now, timedelta(0)), MAX_RETRY_AFTER)
