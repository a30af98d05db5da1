"""1 KB webhooks to 200 endpoints, all well or some of them ill, and what one costs: `make bench ARGS="-k webhooks"`.

BENCH_WEBHOOKS a second are made by SQL, else 50.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub.store import events
from hub.store.db.engine import Database
from hub.store.events import NewEvent
from hub.webhooks import MOST_PLACES
from infra.ports import HOST, free_port
from tests.bench.loads import until
from tests.bench.rows import Report, Run, ms, quantile
from tests.bench.stack import Bench, receiving

pytestmark = pytest.mark.bench
PARTNERS, ENDPOINTS = 20, 10  # of each
HANG, REFUSE = 20, 10  # of the 200
HANGING_PARTNERS = 40  # beside the others, each with two endpoints that want all their places
RATE = int(os.environ.get("BENCH_WEBHOOKS", "50"))
SECONDS = 30
BURST, BURST_BY_WORKFLOW = 2000, 200
KILOBYTE = {"text": "x" * 900}
# As if nothing but a workflow could make the first attempt: how all were made once.
BY_WORKFLOW = """
    WITH waiting AS (
        UPDATE delivery SET queued_at = NULL FROM event WHERE event.id = event_id AND partner_id = $1
        RETURNING delivery.id
    )
    INSERT INTO outbox (kind, ref) SELECT 'deliver', id FROM waiting
"""
PENDING = "SELECT count(*) FROM delivery JOIN event ON event.id = event_id WHERE partner_id = $1 AND state = 'pending'"


@dataclass(frozen=True, slots=True)
class Sender:
    """Makes events as the hub does, in this process."""

    bench: Bench
    database: Database

    async def happen(self, partner_id: int, times: int = 1) -> None:
        new = [NewEvent("lead.deleted", KILOBYTE, impersonal=True)] * times
        async with self.database.begin() as tx:
            await events.record(tx, self.bench.hub.settings.vault(), partner_id, new)


@asynccontextmanager
async def sending(bench: Bench) -> AsyncIterator[Sender]:
    database = Database(bench.hub.database_url, 2)
    yield Sender(bench, database)
    await database.close()


def _partners(bench: Bench, receiver: str, hang: int, refuse: int) -> list[int]:
    """With their endpoints, the ill ones spread over all."""
    nobody = f"http://{HOST}:{free_port()}/refused"
    urls = [f"{receiver}hang"] * hang + [nobody] * refuse
    urls += [f"{receiver}well"] * (PARTNERS * ENDPOINTS - len(urls))
    partners = [bench.hub.partner()["id"] for _ in range(PARTNERS)]
    for number, url in enumerate(urls):
        bench.hub.endpoint(partners[number % PARTNERS], f"{url}/{number}")
    return partners


async def _hang(sender: Sender, receiver: str) -> None:
    """Partners whose endpoints take all that the hub gives them, for as long as an attempt lasts."""
    partners = [sender.bench.hub.partner()["id"] for _ in range(HANGING_PARTNERS)]
    for number, partner in enumerate(partners):
        for path in ("one", "two"):
            sender.bench.hub.endpoint(partner, f"{receiver}hang/{number}/{path}")
    for partner in partners:
        await sender.happen(partner, MOST_PLACES)


async def _first_attempts(sender: Sender, receiver: str, partners: list[int]) -> list[float]:
    """Seconds from the event to its arrival, of each endpoint that is well."""
    async with aiohttp.request("GET", f"{receiver}arrivals"):
        pass
    loop, rounds = asyncio.get_running_loop(), SECONDS * RATE // ENDPOINTS
    began = loop.time()
    for number in range(rounds):
        await asyncio.sleep(began + number * ENDPOINTS / RATE - loop.time())
        await sender.happen(partners[number % PARTNERS])
    found: dict[tuple[str, str], float] = {}
    well = "SELECT count(*) FROM delivery d JOIN event ON event.id = event_id JOIN endpoint e ON e.id = endpoint_id"
    wanted = f"{well} WHERE event.partner_id = ANY($1) AND d.state = 'pending' AND e.url LIKE '%/well/%'"
    await until(partial(_none, sender.bench, wanted, partners))
    async with aiohttp.request("GET", f"{receiver}arrivals") as answer:
        for message_id, path, at in await answer.json():
            if path.startswith("/well"):
                found.setdefault((message_id, path), at)
    made = "SELECT json_object_agg(public_id, extract(epoch FROM created_at))::text FROM event"
    created: dict[str, float] = json.loads(await sender.bench.sql(f"{made} WHERE partner_id = ANY($1)", partners))
    return [at - created[message_id] for (message_id, _), at in found.items()]


async def _none(bench: Bench, counted: str, value: Any) -> bool:
    return bool(await bench.sql(counted, value) == 0)


async def test_webhooks_to_endpoints_that_hang_and_refuse(bench: Bench, report: Report, tmp_path: Path) -> None:
    with receiving(tmp_path) as receiver:
        async with sending(bench) as sender:
            well = await _first_attempts(sender, receiver, _partners(bench, receiver, 0, 0))
            await bench.quiet()
            mixed = await _first_attempts(sender, receiver, _partners(bench, receiver, HANG, REFUSE))
            await bench.quiet()
            partners = _partners(bench, receiver, 0, 0)
            await _hang(sender, receiver)
            beside = await _first_attempts(sender, receiver, partners)
    what = f"first attempt at {RATE} webhooks/s"
    report.row(f"{what}, 200 endpoints: p50 / p99", f"{ms(well, 0.5)} / {ms(well, 0.99)}", aim="p99 1000 ms")
    share = "of which 10% hang and 5% refuse"
    report.row(f"the same, {share}: p50 / p99", f"{ms(mixed, 0.5)} / {ms(mixed, 0.99)}", aim="p99 1000 ms")
    hanging = f"beside {HANGING_PARTNERS} partners whose endpoints all hang"
    report.row(f"200 endpoints {hanging}: p50 / p99", f"{ms(beside, 0.5)} / {ms(beside, 0.99)}", aim="p99 1000 ms")
    ratios = [quantile(mixed, part) / quantile(well, part) for part in (0.5, 0.99)]
    report.row("the second / the first: p50, p99", ", ".join(f"{ratio:.2f}" for ratio in ratios), aim="1.2")


async def test_webhooks_straight_and_by_workflow(bench: Bench, report: Report, tmp_path: Path) -> None:
    with receiving(tmp_path) as receiver:
        async with sending(bench) as sender:
            straight = await _burst(sender, receiver, BURST, by_workflow=False)
            by_workflow = await _burst(sender, receiver, BURST_BY_WORKFLOW, by_workflow=True)
    for how, run in (("straight", straight), ("by a workflow", by_workflow)):
        report.row(
            f"a burst of {run.leads} webhooks, {how}: webhooks/s, CPU-ms each", f"{run.rate:.0f}, {run.cost:.1f}"
        )
        report.note(f"CPU-ms of a webhook {how}: {run.breakdown()}")


async def _burst(sender: Sender, receiver: str, webhooks: int, *, by_workflow: bool) -> Run:
    """To one partner's ten endpoints. Its rows are there before, and begin to be sent when it is enabled."""
    bench, [partner, *_] = sender.bench, _partners(sender.bench, receiver, 0, 0)
    disabled = "UPDATE endpoint SET disabled_at = $2 WHERE partner_id = $1"
    await bench.sql(disabled, partner, datetime.now(UTC))
    await sender.happen(partner, webhooks // ENDPOINTS)

    async def work() -> None:
        await bench.sql("UPDATE delivery SET state = 'pending', queued_at = now() WHERE state = 'waiting'")
        if by_workflow:
            await bench.sql(BY_WORKFLOW, partner)
        await bench.sql(disabled, partner, None)
        await bench.sql("SELECT pg_notify('hub_outbox', '')")
        await until(partial(_none, bench, PENDING, partner))

    run = await bench.run(bench.servers | bench.ours, work, webhooks)
    delivered = "SELECT count(*) FROM delivery JOIN event ON event.id = event_id WHERE partner_id = $1"
    assert await bench.sql(f"{delivered} AND state = 'delivered'", partner) == webhooks
    return run
