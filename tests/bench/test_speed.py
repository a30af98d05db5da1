"""Speed and cost of the hub beside plain Temporal, in one run on the same machine: `make bench`, all black-box.

One section alone: `make bench ARGS="-k batches"`. BENCH_LEADS is the size of a run.
With TEMPORAL_ADDRESS=host:port in the environment that server is used instead, once it has its schema and namespace.
"""

import asyncio
import time
from functools import partial

import pytest

from tests.bench.conftest import Plain
from tests.bench.loads import SIZE, batches, comunik8, partner_api, post_all, post_spaced, singles, until
from tests.bench.processes import started
from tests.bench.rows import Report, Run, ms
from tests.bench.stack import Bench, dialing
from tests.support.stack import worker_service

pytestmark = pytest.mark.bench
POSTERS = 4
ENDLESS = 10_000_000  # requests a minute
DELAY = 2  # seconds
FIRST = 12  # batches: they fill pools and caches, and prepare statements on each connection


async def test_batches(bench: Bench, plain: Plain, report: Report, leads: int) -> None:
    """Each batch meets a hub that has nothing else to do; the first ones also one that has just started."""
    tenant = bench.hub.partner(rate_limit=ENDLESS)
    everything = plain.groups | bench.ours
    async with dialing(bench.hub):
        quiet = partial(bench.quiet, everything)
        bodies = batches(bench.hub, (FIRST + min(200, leads // 10)) * SIZE)
        ours = await post_spaced(partner_api(bench.hub, tenant), bodies, quiet)
        theirs = await post_spaced(plain.target, batches(bench.hub, 5 * SIZE), quiet)
    report.answers(f"answer to a batch, idle, the first {FIRST}", ours[:FIRST], aims=("", ""))
    report.answers(f"the {len(ours) - FIRST} after them", ours[FIRST:], theirs, aims=("50 ms", "120 ms"))
    await bench.quiet(everything)


async def test_throughput(bench: Bench, plain: Plain, report: Report, leads: int) -> None:
    """From the first POST until all are dialled, reported and closed."""
    ours, arrays = await _dialled(bench, leads)
    theirs = await _plainly(bench, plain, leads)
    report.row("leads/s from POST to dialled and reported", f"{ours.rate:.0f}", f"{theirs.rate:.0f}")
    report.row("times plain Temporal's leads/s", f"{ours.rate / theirs.rate:.1f}", "1", aim="4")
    report.row(bench.per_1000, f"{ours.cost:.1f}", f"{theirs.cost:.1f}", aim="20")
    report.row("share of plain Temporal's CPU", f"{ours.cost / theirs.cost:.2f}", "1", aim="0.33")
    single, _ = await _dialled(bench, leads, "--single") if arrays else (ours, False)
    how = "" if arrays else ", as above: no calls:report here"
    report.row(f"{bench.per_1000}, one outcome a request{how}", f"{single.cost:.1f}")
    report.note(f"{bench.per_1000}, hub: {ours.breakdown()}")
    if arrays:
        report.note(f"{bench.per_1000}, hub, one outcome a request: {single.breakdown()}")
    report.note(f"{bench.per_1000}, plain Temporal: {theirs.breakdown()}")


async def _dialled(bench: Bench, leads: int, *options: str) -> tuple[Run, bool]:
    """A run of the hub, and whether its dialer reported in arrays."""
    tenant, bodies = bench.hub.partner(rate_limit=ENDLESS), batches(bench.hub, leads)
    target = partner_api(bench.hub, tenant)

    async def work() -> None:
        await post_all(target, bodies, POSTERS)
        await until(partial(bench.done, tenant["id"], leads))

    async with dialing(bench.hub, *options) as told:
        run = await bench.run(bench.servers | bench.ours, work, leads)
    bench.known = target, bodies
    return run, told.arrays


async def _plainly(bench: Bench, plain: Plain, leads: int) -> Run:
    bodies, wanted = batches(bench.hub, leads), await plain.stored() + leads

    async def work() -> None:
        await post_all(plain.target, bodies, POSTERS)
        await until(partial(plain.dialled, wanted))

    return await bench.run(plain.groups, work, leads)


@pytest.mark.parametrize("delay", [0, DELAY])
async def test_singles(bench: Bench, report: Report, leads: int, delay: int) -> None:
    """One lead a request."""
    tenant = bench.hub.partner("comunik8", region="GB", rate_limit=ENDLESS)
    target, count = comunik8(bench.hub, tenant), max(SIZE, leads // 4)
    bodies = singles(bench.hub, tenant, count, delay).values()

    async def work() -> None:
        await post_all(target, bodies, 2 * POSTERS)
        await until(partial(bench.done, tenant["id"], 40 + count))

    async with dialing(bench.hub):
        few = singles(bench.hub, tenant, 40, delay).values()
        answers = await post_spaced(target, few, partial(asyncio.sleep, 0.25))
        await until(partial(bench.done, tenant["id"], 40))
        run = await bench.run(bench.servers | bench.ours, work, count)
    how = f"single leads, delayed {delay} s" if delay else "single leads"
    report.answers(f"{how}: answer, idle", answers, aims=("", ""))
    taken_off = " (the delay taken off)" if delay else ""
    report.row(f"{how}: leads/s{taken_off}", f"{run.leads / (run.seconds - delay):.0f}")
    report.row(f"{how}: {bench.per_1000}", f"{run.cost:.1f}")
    report.note(f"{bench.per_1000}, {how}: {run.breakdown()}")


async def test_duplicates(bench: Bench, report: Report, leads: int) -> None:
    """The hub knows every number already."""
    if bench.known is None:
        await _dialled(bench, leads)
    assert bench.known is not None
    target, known = bench.known
    bodies = known * max(1, 20_000 // (len(known) * SIZE))
    count, before = len(bodies) * SIZE, await bench.sql("SELECT count(*) FROM lead")
    with started({"intake": partial(worker_service, bench.hub.env, "intake")}, bench.hub.logs) as second:
        await post_all(target, known, POSTERS)  # warm
        processes = bench.servers | bench.ours
        processes["intake"] = processes["intake"] + second.groups["intake"]
        seconds = 0.0

        async def work() -> None:
            nonlocal seconds
            began = time.perf_counter()
            await post_all(target, bodies, 2 * POSTERS)
            seconds = time.perf_counter() - began

        run = await bench.run(processes, work, count)
    assert await bench.sql("SELECT count(*) FROM lead") == before
    what = "the same leads again, two intake processes"
    report.row(f"{what}: leads/s", f"{count / seconds:.0f}", aim="5000")
    report.row(f"{what}: {bench.per_1000}", f"{run.cost:.2f}")
    report.note(f"{bench.per_1000}, {what}: {run.breakdown(2)}")


async def test_lateness(bench: Bench, report: Report) -> None:
    """From the moment asked for, counted from before the request, until a waiting dialer has the call."""
    tenant = bench.hub.partner("comunik8", region="GB", rate_limit=ENDLESS)
    bodies, due = singles(bench.hub, tenant, 50, DELAY), {}
    async with dialing(bench.hub, "--pause", "0") as told:
        for number, body in bodies.items():
            due[number] = time.time() + DELAY
            await post_all(comunik8(bench.hub, tenant), [body], 1)
            await asyncio.sleep(0.1)
        await until(partial(bench.done, tenant["id"], len(bodies)))
    late = [told.got[number] - due[number] for number in bodies]
    report.row("lateness of a delayed call: p50 / p99", f"{ms(late, 0.5)} / {ms(late, 0.99)}", aim="p99 1200 ms")
