"""A partner's usage: what it has used of its limit, and its days, counted from hours that are over and from rows."""

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from background.retention import run_retention
from hub.errors import NotFound
from hub.store.db.engine import Database
from hub.store.request_usage import Usage, usage
from tests.support.dialing import eventually
from tests.support.stack import Hub

ADD = """
    INSERT INTO submission (partner_id, key_id, api, route, request_id, fingerprint, weight, held_until, state, status,
                            created_rows, known_rows, refused_rows, requests, created_at)
    VALUES ($1, 'k', 'partner_api', 'r', 'q', '', $2, now(), 'done', $3, 2, 1, 1, $4, now() - $5::interval)
"""


@pytest.fixture
def hub(database: str, tmp_path: Path) -> Hub:
    """Nothing of it runs; it makes tenants and rows."""
    return Hub("", database, "", {}, tmp_path)


def add(hub: Hub, partner: dict[str, Any], age: timedelta, status: int | None = 200, **more: int) -> None:
    hub.query(ADD, partner["id"], more.get("weight", 0), status, more.get("requests", 1), age)


async def usage_of(hub: Hub, partner_id: int) -> Usage:
    database = Database(hub.database_url, 1)
    try:
        async with database.begin() as tx:
            return await usage(tx, partner_id)
    finally:
        await database.close()


async def count_hours(hub: Hub) -> None:
    """All that are over."""
    database = Database(hub.database_url, 2)
    task = asyncio.create_task(run_retention(database, hub.settings))
    counted = "SELECT until >= date_trunc('hour', now()) - interval '1 hour' FROM requests_counted"
    await asyncio.to_thread(eventually, lambda: hub.query(counted) == [(True,)])
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await database.close()


async def test_the_days_are_the_same_before_and_after_their_hours_are_counted(hub: Hub) -> None:
    partner, other = hub.partner(), hub.partner()
    hub.query("UPDATE requests_counted SET until = date_trunc('hour', now()) - interval '10 days'")
    for age in (timedelta(days=3), timedelta(days=3, seconds=1), timedelta()):
        add(hub, partner, age)
    add(hub, partner, timedelta(days=3), status=429, requests=50)
    add(hub, partner, timedelta(days=3), status=None)
    add(hub, other, timedelta(days=3))
    before = await usage_of(hub, partner["id"])
    await count_hours(hub)
    hub.query("DELETE FROM submission WHERE created_at < now() - interval '1 day'")
    after = await usage_of(hub, partner["id"])
    assert before == after
    today = after.days[0]
    assert (today.day, today.statuses) == (datetime.now(UTC).date(), {"2xx": 1})
    assert (today.requests, today.created, today.known, today.refused, today.rows) == (1, 2, 1, 1, 4)
    totals = Counter[str]()
    for day in after.days[1:]:
        totals.update(day.statuses)
    assert totals == {"2xx": 2, "4xx": 50, "open": 1}


async def test_an_hour_is_counted_once_however_many_processes_do_it(hub: Hub) -> None:
    partner = hub.partner()
    hub.query("UPDATE requests_counted SET until = date_trunc('hour', now()) - interval '200 hours'")
    for hours in range(2, 150):
        add(hub, partner, timedelta(hours=hours))
    await asyncio.gather(*(count_hours(hub) for _ in range(3)))
    assert hub.query("SELECT sum(requests) FROM request_count") == [(148,)]


async def test_the_limit_shows_what_of_it_is_used_and_until_when(hub: Hub) -> None:
    partner = hub.partner(rate_limit=100)
    assert (await usage_of(hub, partner["id"])).as_json() == {"limit": 100, "used": 0, "resets_at": None, "days": []}
    for age, weight in ((50, 30), (10, 5), (70, 60), (5, 0)):
        add(hub, partner, timedelta(seconds=age), weight=weight)
    found = await usage_of(hub, partner["id"])
    assert (found.limit, found.used) == (100, 35)
    [(oldest,)] = hub.query("SELECT created_at FROM submission WHERE weight = 30")
    assert found.resets_at == oldest + timedelta(seconds=60)


async def test_a_partner_that_is_none_is_named(hub: Hub) -> None:
    with pytest.raises(NotFound, match="partner_id"):
        await usage_of(hub, 4711)
