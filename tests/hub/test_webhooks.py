import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from hub.webhooks import (
    EVENT_TYPES,
    MAX_RETRY_AFTER,
    FailureKind,
    PayloadFormat,
    Verdict,
    new_secret,
    next_wait,
    parse_retry_after,
    sign,
    verdict,
)

NOW = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)
SCHEDULE = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def test_the_event_types_are_those_that_endpoints_choose_from() -> None:
    assert len(EVENT_TYPES) == len(set(EVENT_TYPES)) == 12
    assert {"lead.processed", "meeting.booked", "discount.failed", "endpoint.disabled"} < set(EVENT_TYPES)


def test_a_secret_is_32_random_bytes_in_the_specified_form() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(text.startswith("whsec_") and len(base64.b64decode(text[6:], validate=True)) == 32 for text in made)


@given(st.text(st.characters(exclude_categories=["Cs"])), ZONES)
def test_a_signature_is_the_hmac_of_id_time_and_body_whatever_the_zone(text: str, zone: timezone) -> None:
    secret, body = new_secret(), text.encode()
    headers = sign([secret], "msg_1", NOW.astimezone(zone), body)
    signed = b"msg_1." + str(int(NOW.timestamp())).encode() + b"." + body
    expected = base64.b64encode(hmac.digest(base64.b64decode(secret[6:]), signed, hashlib.sha256)).decode()
    assert headers == {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(NOW.timestamp())),
        "webhook-signature": f"v1,{expected}",
    }


def test_during_a_rotation_holders_of_either_secret_can_verify_and_others_cannot() -> None:
    new, old, foreign = new_secret(), new_secret(), new_secret()
    body = json.dumps({"type": "lead.created", "name": "Jörg"}, ensure_ascii=False).encode()
    headers = sign([new, old], "msg_1", datetime.now(timezone(timedelta(hours=5))), body)
    for secret in (new, old):
        assert Webhook(secret).verify(body, headers) == json.loads(body)
    with pytest.raises(WebhookVerificationError):
        Webhook(foreign).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(body + b" ", headers)


def test_nothing_is_sent_unsigned_or_with_a_time_of_no_zone() -> None:
    with pytest.raises(ValueError, match="unsigned"):
        sign([], "msg_1", NOW, b"{}")
    with pytest.raises(ValueError, match="zone"):
        sign([new_secret()], "msg_1", NOW.replace(tzinfo=None), b"{}")


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (200, Verdict.DELIVERED),
        (204, Verdict.DELIVERED),
        (299, Verdict.DELIVERED),
        (101, Verdict.RETRY),
        (302, Verdict.RETRY),
        (400, Verdict.RETRY),
        (403, Verdict.RETRY),
        (404, Verdict.RETRY),
        (429, Verdict.RETRY),
        (500, Verdict.RETRY),
        (410, Verdict.DISABLE),
        ("timeout", Verdict.RETRY),
        ("denied", Verdict.RETRY),
    ],
)
def test_an_attempt_is_judged_by_its_status_or_failure(outcome: int | FailureKind, expected: Verdict) -> None:
    assert verdict(outcome, PayloadFormat.ENVELOPE) is expected


def test_only_400_and_403_of_a_campaigns_endpoint_end_the_attempts() -> None:
    verdicts = {status: verdict(status, PayloadFormat.CAMPAIGN) for status in range(100, 600)}
    assert {status for status, judged in verdicts.items() if judged is Verdict.GIVE_UP} == {400, 403}


def test_ten_attempts_over_75_hours_35_minutes() -> None:
    waits = [next_wait(attempt, 500, jitter=0) for attempt in range(1, 10)]
    assert waits == [timedelta(seconds=seconds) for seconds in SCHEDULE]
    assert sum((wait for wait in waits if wait), timedelta()) == timedelta(hours=75, minutes=35, seconds=5)
    assert next_wait(10, 500, jitter=0) is None
    assert next_wait(10, 429, jitter=0, retry_after=timedelta(seconds=1)) is None
    with pytest.raises(ValueError, match="count from 1"):
        next_wait(0, 500, jitter=0)


@given(st.integers(1, 9), st.floats(-1, 1))
def test_jitter_moves_a_wait_by_at_most_a_fifth(attempt: int, jitter: float) -> None:
    wait = next_wait(attempt, 503, jitter=jitter)
    assert wait is not None
    base = timedelta(seconds=SCHEDULE[attempt - 1])
    assert base * 0.8 <= wait <= base * 1.2
    assert (wait > base) == (jitter > 0) or abs(jitter) < 1e-6


@given(st.integers(1, 9), st.timedeltas(timedelta(0), timedelta(days=900)), st.floats(-1, 1))
def test_retry_after_is_a_floor_of_at_most_a_day(attempt: int, asked: timedelta, jitter: float) -> None:
    unasked = next_wait(attempt, 503, jitter=jitter)
    wait = next_wait(attempt, 503, jitter=jitter, retry_after=asked)
    assert unasked is not None
    assert wait == max(unasked, min(asked, MAX_RETRY_AFTER))


@pytest.mark.parametrize(
    ("outcome", "seconds"), [("timeout", 60), (429, 60), ("connect", 5), ("dns", 5), (500, 5), (503, 5)]
)
def test_a_busy_endpoint_gets_a_minute(outcome: int | FailureKind, seconds: int) -> None:
    assert next_wait(1, outcome, jitter=0) == timedelta(seconds=seconds)
    assert next_wait(2, outcome, jitter=0) == timedelta(minutes=5)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("86401", 86400),
        ("9" * 5000, 86400),
        ("Sun, 29 Mar 2026 01:00:30 GMT", 90),
        ("Sunday, 29-Mar-26 01:00:30 GMT", 90),
        ("Sun Mar 29 01:00:30 2026", 90),
        ("Sun, 29 Mar 2026 01:00:30 -0000", 90),
        ("Sun, 29 Mar 2026 02:00:30 +0100", 90),
        ("Sat, 28 Mar 2026 01:00:30 GMT", 0),
        ("Sun, 29 Mar 2099 01:00:30 GMT", 86400),
    ],
)
def test_retry_after_is_read_in_seconds_and_in_every_http_date(text: str, seconds: int) -> None:
    assert parse_retry_after(text, NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", [None, "", "-1", "1.5", "soon", "٣", "Sun, 99 Mar 2026 01:00:30 GMT", "1e3"])
def test_an_unreadable_retry_after_is_none(text: str | None) -> None:
    assert parse_retry_after(text, NOW) is None


@given(st.text() | st.datetimes(timezones=ZONES).map(format_datetime))
def test_no_retry_after_is_an_error_or_out_of_bounds(text: str) -> None:
    wait = parse_retry_after(text, NOW)
    assert wait is None or timedelta(0) <= wait <= MAX_RETRY_AFTER


@given(
    st.lists(
        st.sampled_from(
            ["Sun", ",", " ", "29", "Mar", "2026", "01:00:30", "GMT", "+9999", "-", "0", ":", "99999999999"]
        )
    )
)
def test_no_half_date_is_an_error(parts: list[str]) -> None:
    wait = parse_retry_after("".join(parts), NOW)
    assert wait is None or timedelta(0) <= wait <= MAX_RETRY_AFTER
