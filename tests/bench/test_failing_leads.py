"""How soon a lead is dialled beside leads whose steps fail: `make bench ARGS="-k failing"`."""

import asyncio
import time

import aiohttp
import pytest

from tests.bench.loads import until
from tests.bench.rows import Report, ms, quantile
from tests.bench.stack import Bench
from tests.support.dialing import Dialer

pytestmark = pytest.mark.bench
PATH = "/api/leads/partner-transfer"
FAILING, DIALS = 200, 50
WAKE = "INSERT INTO outbox (kind, ref) SELECT 'wake_lead', id FROM lead WHERE partner_id = $1"
STATE = "UPDATE lead SET state = $2 WHERE partner_id = $1"


async def test_failing_leads(bench: Bench, report: Report) -> None:
    """From posting a lead to its dialer's having it, one after the other: alone, then beside the failing ones."""
    partner, failing = bench.hub.partner(rate_limit=10_000), bench.hub.partner(rate_limit=10_000)
    dialer = Dialer(bench.hub, partner)
    await _seconds_to_dial(bench, dialer, partner["key"], 5)  # warm
    alone = await _seconds_to_dial(bench, dialer, partner["key"], DIALS)

    await bench.sql("UPDATE partner SET daily_calls = 0 WHERE id = $1", failing["id"])
    rows = [{"name": "Ann Lee", "phone": bench.hub.number()} for _ in range(FAILING)]
    assert bench.hub.post(PATH, failing["key"], {"leads": rows}).json()["created"] == FAILING
    unstarted = "SELECT count(*) FROM lead WHERE partner_id = $1 AND NOT started"
    await until(lambda: _is(bench, 0, unstarted, failing["id"]))
    await bench.sql(STATE, failing["id"], "of a later version")
    await bench.sql(WAKE, failing["id"])
    shown = "SELECT count(*) FROM lead WHERE partner_id = $1 AND why LIKE 'cannot be judged%'"
    await until(lambda: _is(bench, FAILING, shown, failing["id"]))
    beside = await _seconds_to_dial(bench, dialer, partner["key"], DIALS)
    await bench.sql(STATE, failing["id"], "cancelled")
    await bench.sql(WAKE, failing["id"])

    report.row("from a lead to its dialer: p50", ms(alone, 0.5, 1))
    ratio = quantile(beside, 0.5) / quantile(alone, 0.5)
    report.row(
        f"the same beside {FAILING} failing leads: p50", f"{ms(beside, 0.5, 1)}, {ratio:.2f} times", aim="1.2 times"
    )


async def _is(bench: Bench, wanted: int, query: str, partner_id: int) -> bool:
    return bool(await bench.sql(query, partner_id) == wanted)


async def _seconds_to_dial(bench: Bench, dialer: Dialer, key: str, count: int) -> list[float]:
    seconds = []
    wanted = {"max": 1, "lease_seconds": 60, "wait_seconds": 25}
    async with aiohttp.ClientSession(bench.hub.url) as session:
        for _ in range(count):
            lead = {"name": "Ann Lee", "phone": bench.hub.number()}
            lease = asyncio.create_task(_post(session, "/v1/dialer/calls:lease", dialer.headers, wanted))
            began = time.perf_counter()
            await _post(session, PATH, {"X-API-Key": key}, {"leads": [lead]})
            [call] = (await lease)["calls"]
            seconds.append(time.perf_counter() - began)
            outcome = {"token": call["token"], "outcome": "interested"}
            await _post(session, f"/v1/dialer/calls/{call['id']}/outcome", dialer.headers, outcome)
    return seconds


async def _post(
    session: aiohttp.ClientSession, path: str, headers: dict[str, str], body: dict[str, object]
) -> dict[str, list[dict[str, int]]]:
    async with session.post(path, json=body, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        found: dict[str, list[dict[str, int]]] = await answer.json()
        return found
