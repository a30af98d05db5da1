"""Answers while the hub works off a backlog of leads and their webhooks. BENCH_BACKLOG leads, else 5000."""

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.bench.conftest import LEADS, USUAL_LEADS
from tests.bench.loads import SIZE, batches, partner_api, post_all, post_by_the_clock, until
from tests.bench.processes import Cores, cpu
from tests.bench.rows import CORES, Report
from tests.bench.stack import Bench, dialing, receiving

pytestmark = pytest.mark.bench
BACKLOG = int(os.environ.get("BENCH_BACKLOG", str(min(5000, 5000 * LEADS // USUAL_LEADS))))
POSTING_SECONDS = 30  # what has not been taken by then is left out
SECONDS, EVERY = 40, 1.0
ENDLESS = 10_000_000  # requests a minute


@dataclass(frozen=True, slots=True)
class Reading:
    """How far things are at one moment."""

    at: float
    cpu: float  # of the hub and its servers
    cores: Cores
    taken: int  # leads of the backlog
    leads: int  # of them done
    all_leads: int  # done, of any batch
    webhooks: int


async def test_load(bench: Bench, report: Report, tmp_path: Path) -> None:
    """Runs last: what is left of the backlog after `SECONDS` goes with its servers."""
    tenant, measured = (bench.hub.partner(rate_limit=ENDLESS) for _ in range(2))
    with receiving(tmp_path) as endpoint:
        bench.hub.endpoint(tenant["id"], endpoint)
        repeats = await post_all(partner_api(bench.hub, tenant), _for_a_while(batches(bench.hub, BACKLOG)), 4)
        async with dialing(bench.hub) as told:
            before = await _read(bench, tenant, endpoint)
            enough = asyncio.Event()
            watch = asyncio.create_task(_until_worked_off(bench, tenant, enough))
            target, bodies = partner_api(bench.hub, measured), batches(bench.hub, int(SECONDS / EVERY) * SIZE)
            answers = await post_by_the_clock(target, bodies, EVERY, enough)
            after = await _read(bench, tenant, endpoint)
            watch.cancel()
    report.answers("answer to a batch under load", [answer.seconds for answer in answers], aims=("", "500 ms"))
    refused = sum(answer.refused for answer in answers)
    report.row("batches refused with 503 meanwhile", f"{refused} of {len(answers)}", aim="0")
    report.note(f"Under load: also refused were {repeats} requests of the backlog's, {told.refused} of the dialer's.")
    _tell(report, before, after)


def _for_a_while(bodies: list[bytes]) -> Iterator[bytes]:
    began = time.monotonic()
    return takewhile(lambda _: time.monotonic() < began + POSTING_SECONDS, bodies)


async def _until_worked_off(bench: Bench, tenant: dict[str, Any], enough: asyncio.Event) -> None:
    taken = await bench.sql("SELECT count(*) FROM lead WHERE partner_id = $1", tenant["id"])
    await until(partial(bench.done, tenant["id"], taken), every=1.0)
    enough.set()


async def _read(bench: Bench, tenant: dict[str, Any], endpoint: str) -> Reading:
    async with aiohttp.request("GET", endpoint) as answer:
        webhooks = await answer.json()
    taken = await bench.sql("SELECT count(*) FROM lead WHERE partner_id = $1", tenant["id"])
    leads = await bench.sql("SELECT count(*) FROM lead WHERE partner_id = $1 AND state = 'done'", tenant["id"])
    all_leads = await bench.sql("SELECT count(*) FROM lead WHERE state = 'done'")
    used = sum(cpu(bench.servers | bench.ours).values())
    return Reading(time.perf_counter(), used, Cores.now(), taken, leads, all_leads, webhooks)


def _tell(report: Report, before: Reading, after: Reading) -> None:
    seconds = after.at - before.at
    ours = (after.cpu - before.cpu) / (CORES * seconds)
    cores = after.cores.since(before.cores)
    leads, webhooks = after.all_leads - before.all_leads, after.webhooks - before.webhooks
    report.row("cores busy meanwhile: by the hub / by all", f"{ours:.0%} / {cores.used / cores.available:.0%}")
    report.row("done meanwhile: leads/s, webhooks/s", f"{leads / seconds:.0f}, {webhooks / seconds:.0f}")
    report.note(
        f"Under load: {seconds:.0f} s; of the backlog's {after.taken} leads "
        f"{before.leads} were done before, {after.leads} at the end."
    )
