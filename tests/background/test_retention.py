"""What is deleted by age, batch by batch, and what stays however old it is."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from hub.settings import Settings
from hub.store.retention import BATCH
from tests.support.retention import retain_until
from tests.support.stack import MASTER_KEY, PEPPER, Hub

ROWS = 2 * BATCH + 1
TABLES = ("submission", "event", "delivery", "delivery_attempt", "lease")

# Leads of partner $1 by requests of $2 ago, each with a call, its lease, an event, a delivery and an attempt; each $4th
# of $3 is still open.
SEED = """
    WITH lead_row AS (
        INSERT INTO lead (partner_id, api, submission_id, state, dial_at)
        SELECT $1::bigint, 'partner_api', n, CASE WHEN n % $4::int = 0 THEN 'scheduled' ELSE 'done' END, now()
        FROM generate_series(1, $3::int) AS n RETURNING id
    ), call_row AS (
        INSERT INTO call (lead_id, partner_id, dialer_id, attempt, state, due_at, closes_at, ended_at)
        SELECT id, $1::bigint, (SELECT min(id) FROM dialer), 1, 'ended', now(), now(), now() FROM lead_row RETURNING id
    ), lease_row AS (
        INSERT INTO lease (call_id, token, dialer_id, partner_id, confirm_start, leased_at, lease_until, ended_at)
        SELECT id, 1, (SELECT min(id) FROM dialer), $1::bigint, false, now() - $2::interval, now(), now() - $2::interval
        FROM call_row
    ), request AS (
        INSERT INTO submission (partner_id, key_id, api, route, request_id, fingerprint, weight, held_until,
                                wrapped_key, created_at)
        SELECT $1::bigint, 'k', 'partner_api', 'r', 'q', '', 1, now(), 'x', now() - $2::interval
        FROM generate_series(1, $3::int)
    ), told AS (
        INSERT INTO event (public_id, partner_id, type, created_at)
        SELECT gen_random_uuid()::text, $1::bigint, 'lead.done', now() - $2::interval FROM generate_series(1, $3::int)
        RETURNING id
    ), sent AS (
        INSERT INTO delivery (event_id, endpoint_id, state, created_at)
        SELECT id, $5::bigint, CASE WHEN id % $4::int = 0 THEN 'pending' ELSE 'failed' END, now() - $2::interval
        FROM told RETURNING id
    )
    INSERT INTO delivery_attempt (delivery_id, number, duration_ms, created_at)
    SELECT id, 1, 5, now() - $2::interval FROM sent
"""


def settings(database: str, **more: timedelta) -> Settings:
    keys = {"master_key": SecretStr(MASTER_KEY), "pepper": SecretStr(PEPPER)}
    return Settings(DATABASE_URL=database, smtp_tls="none", **keys, **more)  # type: ignore[arg-type]  # pydantic's own names


@pytest.fixture
def hub(database: str, tmp_path: Path) -> Hub:
    """Nothing of it runs; it makes tenants and reads rows."""
    return Hub("", database, "", {}, tmp_path)


def counts(hub: Hub) -> dict[str, int]:
    return {table: hub.query(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}  # noqa: S608 - constants


def seed(hub: Hub, age: timedelta, rows: int, open_every: int) -> None:
    partner = hub.partner()
    endpoint = hub.endpoint(partner["id"], "http://127.0.0.1:1/")
    hub.query(SEED, partner["id"], age, rows, open_every, endpoint["id"])


async def run_until(hub: Hub, done: object, **ages: timedelta) -> None:
    await retain_until(settings(hub.database_url, **ages), done)


async def test_all_that_is_old_goes_in_batches_and_what_is_open_stays(hub: Hub) -> None:
    seed(hub, timedelta(days=100), ROWS, open_every=ROWS)
    left = {"submission": 1, "event": 1, "delivery": 1, "delivery_attempt": 0, "lease": 1}
    await run_until(hub, lambda: counts(hub) == left)
    assert hub.query("SELECT wrapped_key FROM submission") == [(None,)]
    assert hub.query("SELECT state FROM delivery") == [("pending",)]


async def test_each_kind_has_an_age_of_its_own(hub: Hub) -> None:
    seed(hub, timedelta(days=5), 2, open_every=10)
    await run_until(hub, lambda: counts(hub)["submission"] == 0, keep_submissions=timedelta(days=4))
    await run_until(hub, lambda: counts(hub)["lease"] == 0, keep_submissions=timedelta(days=4))
    assert counts(hub) == {"submission": 0, "event": 2, "delivery": 2, "delivery_attempt": 2, "lease": 0}
    await run_until(hub, lambda: counts(hub)["delivery_attempt"] == 0, keep_attempts=timedelta(days=4))
    assert counts(hub) == {"submission": 0, "event": 2, "delivery": 2, "delivery_attempt": 0, "lease": 0}
    await run_until(hub, lambda: counts(hub)["event"] == 0, keep_events=timedelta(days=4))
    assert counts(hub)["delivery"] == 0


async def test_a_lease_counts_for_a_day_from_its_end(hub: Hub) -> None:
    seed(hub, timedelta(days=5), 2, open_every=10)
    hub.query("UPDATE lease SET ended_at = now() - interval '1 hour' WHERE id = (SELECT max(id) FROM lease)")
    await run_until(hub, lambda: counts(hub)["lease"] == 1, keep_submissions=timedelta(days=1))
    await run_until(hub, lambda: counts(hub)["delivery_attempt"] == 0, keep_attempts=timedelta(days=4))
    assert hub.query("SELECT ended_at > now() - interval '1 day' FROM lease") == [(True,)]


@pytest.mark.parametrize("name", ["keep_submissions", "keep_events", "keep_attempts"])
def test_nothing_is_kept_for_less_than_a_day(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        settings("postgresql://", **{name: timedelta(hours=23)})


async def test_answers_to_idempotency_keys_are_kept_for_a_day(hub: Hub) -> None:
    kept = "INSERT INTO kept_answer (key_hash, fingerprint, created_at) VALUES ($1, '', now() - $2::interval)"
    for key, age in ((b"old", timedelta(hours=25)), (b"new", timedelta(hours=23))):
        hub.query(kept, key, age)
    left = "SELECT key_hash FROM kept_answer"
    await run_until(hub, lambda: hub.query(left) == [(b"new",)])


async def test_replays_that_have_ended_go_with_events(hub: Hub) -> None:
    partner = hub.partner()["id"]
    kept = """
        INSERT INTO replay (endpoint_id, partner_id, types, since, until, undelivered, pace, state, total, created_at,
                            ended_at)
        VALUES ($1, $2::bigint, '{}', now(), now(), false, 1, $3, 0, now() - interval '9 days', now() - $4::interval)
    """
    for state, age in (("done", timedelta(days=5)), ("cancelled", timedelta(days=3)), ("paused", None)):
        hub.query(kept, hub.endpoint(partner, "http://127.0.0.1:1/")["id"], partner, state, age)
    left = "SELECT state FROM replay ORDER BY id"
    await run_until(hub, lambda: hub.query(left) == [("cancelled",), ("paused",)], keep_events=timedelta(days=4))
