"""What a lease costs when very many calls are due: `make bench ARGS="-k leasing"`. The calls are made by SQL."""

import os
import time

import aiohttp
import asyncpg
import pytest

from hub.store.contacts import seal_person
from tests.bench.rows import Report, ms
from tests.bench.stack import Bench
from tests.support.dialing import Dialer

pytestmark = pytest.mark.bench
CALLS = int(os.environ.get("BENCH_CALLS", "200000"))
LEASES = 200
HELD = 5000  # calls that other lines of the dialer hold, due before all others
MOST = 500  # in one lease

LEADS = """
    INSERT INTO lead (partner_id, api, campaign_id, submission_id, state, dial_at, started)
    SELECT $1, 'partner_api', (SELECT min(id) FROM campaign WHERE partner_id = $1), 0, 'calling', now(), true
    FROM generate_series(1, $2::int) RETURNING id
"""
# All of one window, which is open for an hour yet.
DUE = """
    INSERT INTO call (lead_id, partner_id, dialer_id, attempt, state, phone_hash, due_at, closes_at)
    SELECT id, $1, (SELECT min(dialer_id) FROM campaign WHERE partner_id = $1), 1, 'ready',
           decode(md5(id::text), 'hex'), now() - interval '1 hour', now() + interval '1 hour'
    FROM lead WHERE partner_id = $1
"""


async def test_leasing(bench: Bench, report: Report) -> None:
    """One call a request, as for a line that is free: at first, then with many calls held that were due before."""
    partner = bench.hub.partner()
    dialer = Dialer(bench.hub, partner)
    nothing = await _leases(bench, dialer, LEASES)
    await _fill(bench, partner["id"])
    await _leases(bench, dialer, 20)  # warm
    first = await _leases(bench, dialer, LEASES)
    await _leases(bench, dialer, HELD // MOST, MOST)
    behind = await _leases(bench, dialer, LEASES)
    report.row("lease where nothing is due: p50 / p99", _figures(nothing))
    report.row(f"lease of one of {CALLS:,} due calls: p50 / p99", _figures(first), aim="p50 5 ms")
    report.row(f"the same with {HELD:,} held: p50 / p99", _figures(behind), aim="p50 5 ms")


def _figures(seconds: list[float]) -> str:
    return f"{ms(seconds, 0.5, 1)} / {ms(seconds, 0.99, 1)}"


async def _fill(bench: Bench, partner_id: int) -> None:
    vault = bench.hub.settings.vault()
    key, wrapped = vault.new_key()
    connection = await asyncpg.connect(bench.hub.database_url.replace("+asyncpg", ""))
    try:
        ids = [row["id"] for row in await connection.fetch(LEADS, partner_id, CALLS)]
        person = {"phone": "+442079460123", "name": "Ann Lee"}
        contacts = ((lead_id, wrapped, seal_person(vault, key, lead_id, person)["sealed"]) for lead_id in ids)
        columns = ("lead_id", "wrapped_key", "sealed")
        await connection.copy_records_to_table("contact", records=contacts, columns=columns)
        await connection.execute(DUE, partner_id)
        await connection.execute("ANALYZE call, lead, contact")
    finally:
        await connection.close()


async def _leases(bench: Bench, dialer: Dialer, count: int, most: int = 1) -> list[float]:
    """The seconds that each of `count` leases took, one after the other."""
    seconds = []
    wanted = {"max": most, "lease_seconds": 3600, "wait_seconds": 0}
    async with aiohttp.ClientSession(bench.hub.url, headers=dialer.headers) as session:
        for _ in range(count):
            began = time.perf_counter()
            async with session.post("/v1/dialer/calls:lease", json=wanted) as answer:
                assert answer.status == 200, await answer.text()
                await answer.read()
            seconds.append(time.perf_counter() - began)
    return seconds
