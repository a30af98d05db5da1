"""A partner's usage: what it has used of its limit, and its days, counted from hours that are over and from rows."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub import strictjson
from hub.errors import NotFound
from hub.store import refusals
from hub.store.db.engine import Database, Tx
from hub.store.paging import PageWanted
from hub.store.refusals import Refusal
from hub.store.request_usage import Usage, usage
from tests.support.retention import retain_until
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


async def read(hub: Hub, ask: Callable[[Tx], Awaitable[Any]]) -> Any:
    database = Database(hub.database_url, 1)
    async with database.begin() as tx:
        found = await ask(tx)
    await database.close()
    return found


async def count_hours(hub: Hub) -> None:
    """All that are over."""
    counted = "SELECT until >= date_trunc('hour', now()) - interval '1 hour' FROM requests_counted"
    await retain_until(hub.settings, lambda: hub.query(counted) == [(True,)])


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


REFUSE = """
    INSERT INTO submission (partner_id, key_id, api, route, request_id, fingerprint, weight, held_until, state, status,
                            requests, reasons, created_at)
    VALUES ($1, 'k', 'partner_api', 'r', $2, '', 0, now(), 'done', 200, $3, $4::text::jsonb, now() - $5::interval)
"""
LONG = "no, " * 100


async def test_reasons_are_the_same_before_and_after_their_hours_are_counted(hub: Hub) -> None:
    partner, other = hub.partner()["id"], hub.partner()["id"]
    hub.query("UPDATE requests_counted SET until = date_trunc('hour', now()) - interval '6 days'")
    for owner, request, alike, reasons, hours in (
        (partner, "a", 1, ["no phone", "no phone", "known already"], 100),
        (partner, "b", 5, ["limit"], 100),
        (partner, "c", 1, ["no phone", LONG], 5),
        (partner, "d", 1, ["a test: nothing was saved"], 5),
        (partner, "e", 1, ["no phone"], 0),
        (other, "f", 1, ["no phone"], 5),
    ):
        given = strictjson.dumps([{"row": 0, "reason": reason} for reason in reasons]).decode()
        hub.query(REFUSE, owner, request, alike, given, timedelta(hours=hours))
    told = [Refusal("limit", 0, 5), Refusal("no phone", 2, 4), Refusal(LONG[:200], 1, 1)]
    for _ in range(2):
        assert sorted(await read(hub, lambda tx: refusals.list_refusals(tx, partner)), key=str) == sorted(told, key=str)
        for reason, requests in (("no phone", ["e", "c", "a"]), (LONG[:200], ["c"]), ("limit", ["b"]), ("other", [])):
            assert await named(hub, partner, reason) == requests
        await count_hours(hub)
    hub.query("DELETE FROM submission WHERE created_at < now() - interval '1 day'")
    assert [each.week for each in await read(hub, lambda tx: refusals.list_refusals(tx, partner))] == [5, 4, 1]


async def named(hub: Hub, partner: int, reason: str) -> list[str]:
    """The ids of the requests of this reason, a page of one at a time."""
    found, cursor = [], None
    while True:
        wanted = PageWanted.of(1, cursor)
        page = await read(hub, lambda tx, wanted=wanted: refusals.list_requests(tx, partner, reason, wanted))
        found += [request.request_id for request in page.items]
        if (cursor := page.next) is None:
            return found


async def test_only_the_most_frequent_reasons_of_an_hour_are_counted(hub: Hub) -> None:
    partner = hub.partner()["id"]
    hub.query("UPDATE requests_counted SET until = date_trunc('hour', now()) - interval '10 hours'")
    for number in range(refusals.MOST + 1):
        given = strictjson.dumps([{"reason": f"reason {number}"}]).decode()
        hub.query(REFUSE, partner, "q", number + 1, given, timedelta(hours=5))
    await count_hours(hub)
    counted = "SELECT count(*), min(times) FROM refusal_count WHERE partner_id = $1"
    assert hub.query(counted, partner) == [(refusals.MOST, 2)]
