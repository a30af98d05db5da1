"""Webhooks without the sending: event types, signatures, what an answer means and when the next attempt is due.

Signatures follow the Standard Webhooks specification. Pure: clocks and random numbers come in as arguments.
"""

import base64
import secrets
from collections.abc import Sequence
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
]
EVENT_TYPES: Final[tuple[EventType, ...]] = get_args(EventType)

# Why an attempt got no answer: the name was not found, no connection, no trusted TLS, 15 s were over, the egress rules
# forbid the address, or what came back was not HTTP.
FailureKind = Literal["dns", "connect", "tls", "timeout", "denied", "protocol"]

MAX_RETRY_AFTER: Final = timedelta(hours=24)
# The seed lets a SquadIQ endpoint say "not authenticated" and "payload is wrong": a repeat would be no better.
SQUADIQ_FINAL: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN})

_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what tells a secret, not one
_SECRET_BYTES: Final = 32
_JITTER: Final = 0.2
_RELIEF: Final = timedelta(seconds=60)
_WAITS: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
# Ten digits of seconds are three centuries; without a limit Python refuses to convert thousands of them.
_MAX_SECONDS_DIGITS: Final = 10


class Verdict(StrEnum):
    """What becomes of a delivery after one attempt."""

    DELIVERED = "delivered"
    RETRY = "retry"
    DISABLE = "disable"
    """The endpoint is gone: no further attempt of this or any other delivery to it."""
    GIVE_UP = "give_up"
    """No further automatic attempt of this delivery; the endpoint stays."""


def new_secret() -> str:
    """Make an endpoint's secret: `whsec_` and the base64 of 32 random bytes."""
    return _SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def sign(signing: Sequence[str], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the three `webhook-` headers for a UTF-8 body.

    `signing`: the current secret and, while a rotation overlaps, the older; each adds one signature. `message_id` is
    the same for all attempts and replays, `at` (with a zone) is this attempt's time.
    """
    if not signing:
        raise ValueError("a webhook is never sent unsigned")
    if at.tzinfo is None:
        raise ValueError("the time of an attempt needs a zone")
    # The library signs the repr of bytes, and takes any zone's clock for UTC's, both in silence.
    moment, text = at.astimezone(UTC), body.decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, moment, text) for secret in signing),
    }


def verdict(outcome: int | FailureKind, *, final: frozenset[int] = frozenset()) -> Verdict:
    """Judge an attempt by its HTTP status or failure; `final`: statuses after which this endpoint wants no repeat."""
    if not isinstance(outcome, int):
        return Verdict.RETRY
    if HTTPStatus.OK <= outcome < HTTPStatus.MULTIPLE_CHOICES:
        return Verdict.DELIVERED
    if outcome == HTTPStatus.GONE:
        return Verdict.DISABLE
    return Verdict.GIVE_UP if outcome in final else Verdict.RETRY


def next_wait(
    attempt: int, outcome: int | FailureKind, *, jitter: float, retry_after: timedelta | None = None
) -> timedelta | None:
    """Return the wait after the failed `attempt` (1 is the first) until the next, None after the tenth.

    `jitter` between -1 and 1 moves the schedule's wait by up to 20%. `retry_after` is a floor, at most 24 h; after a
    timeout or 429 so are 60 s.
    """
    if attempt < 1:
        raise ValueError("attempts count from 1")
    if attempt > len(_WAITS):
        return None
    floor = min(retry_after or timedelta(0), MAX_RETRY_AFTER)
    if outcome in ("timeout", HTTPStatus.TOO_MANY_REQUESTS):
        floor = max(floor, _RELIEF)
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
    except (ValueError, TypeError, IndexError, OverflowError):  # each of which some junk has got out of it
        return None
    # "-0000" parses to a time without a zone; it means UTC.
    until = date if date.tzinfo else date.replace(tzinfo=UTC)
    return min(max(until - now, timedelta(0)), MAX_RETRY_AFTER)
