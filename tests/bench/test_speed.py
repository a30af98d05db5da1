"""How fast, how much CPU, how much memory: the hub beside plain Temporal, on the same servers in one run."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
import requests
from rich.console import Console
from rich.table import Table

from hub import strictjson
from infra import postgres, temporal, temporal_binary
from infra.migrations import upgrade
from infra.ports import HOST, free_port, is_open
from infra.processes import Service, run_until_ready, stop
from tests.support.dialing import eventually
from tests.support.stack import Hub, api_service, environment, worker_service

pytestmark = pytest.mark.bench
PATH = "/api/leads/partner-transfer"
SIZE, POSTERS = 100, 4
LEADS = int(os.environ.get("BENCH_LEADS", "1000"))
Cpu = dict[str, float]


class Bench:
    """The processes of one hub, and those of plain Temporal, on one PostgreSQL and one Temporal."""

    def __init__(self, hub: Hub, plain: str, processes: dict[str, psutil.Process]) -> None:
        self.hub, self.plain, self.processes = hub, plain, processes

    def cpu(self) -> Cpu:
        return {name: _family(process, _seconds) for name, process in self.processes.items()}

    def memory(self) -> Cpu:
        return {name: _family(process, _megabytes) for name, process in self.processes.items()}


def _family(process: psutil.Process, measure: Callable[[psutil.Process], float]) -> float:
    return sum(measure(one) for one in (process, *process.children(recursive=True)))


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _megabytes(process: psutil.Process) -> float:
    return process.memory_full_info().pss / 1e6


@contextmanager
def started(services: dict[str, Service], folder: Path) -> Iterator[dict[str, psutil.Process]]:
    running = {}
    try:
        for name, service in services.items():
            running[name] = run_until_ready(service, folder / f"{name}.log")
        yield {name: psutil.Process(process.pid) for name, process in running.items()}
    finally:
        for name in reversed(list(running)):
            stop(running[name], services[name])


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """All as `hub dev` runs it, with PostgreSQL and Temporal writing to disk."""
    cluster = postgres.Cluster(tmp_path / "postgres", free_port(), password="bench")
    binaries = postgres.find_binaries()
    postgres.create(cluster, binaries)
    server = temporal.DevServer(free_port(), free_port(), free_port(), tmp_path / "temporal.db")
    servers = {
        "postgres": postgres.service(cluster, binaries),
        "temporal": temporal.service(server, temporal_binary.find_or_get()),
    }
    port, plain_port = free_port(), free_port()
    env = environment(cluster.url(), server.address, HUB_DATABASE_POOL="10")
    hub = Hub(f"http://{HOST}:{port}", cluster.url(), server.address, env, tmp_path)
    leads = {f"leads {n}": worker_service(env, "leads") for n in (1, 2)}
    ours = {"intake": worker_service(env, "intake"), **leads, "api": api_service(env, port)}
    plain = {
        "plain worker": _plain(env, "worker", plain_port, lambda: True),
        "plain api": _plain(env, "api", plain_port, partial(is_open, plain_port)),
    }
    with started(servers, tmp_path) as below:
        upgrade(cluster.url())
        hub.query("CREATE TABLE plain_lead (phone text PRIMARY KEY, dialled boolean NOT NULL DEFAULT false)")
        with started(ours | plain, tmp_path) as above:
            yield Bench(hub, f"http://{HOST}:{plain_port}/", below | above)


def _plain(env: dict[str, str], role: str, port: int, ready: Callable[[], bool]) -> Service:
    argv = (sys.executable, "-m", "tests.bench.plain", role, str(port))
    return Service(name=f"plain-{role}", argv=argv, ready=ready, env={**os.environ, **env})


def batches(hub: Hub, count: int) -> list[bytes]:
    rows = [
        [{"name": "Ann Lee", "phone": hub.number(), "email": "ann@example.com"} for _ in range(SIZE)]
        for _ in range(count)
    ]
    return [strictjson.dumps({"leads": batch}) for batch in rows]


def post(url: str, key: str, bodies: list[bytes], posters: int = 1) -> list[float]:
    """Seconds until the answer, for each body."""

    def one(body: bytes) -> float:
        began = time.perf_counter()
        headers = {"X-API-Key": key, "Content-Type": "application/json"}
        requests.post(url, data=body, headers=headers, timeout=60).raise_for_status()
        return time.perf_counter() - began

    with ThreadPoolExecutor(posters) as crowd:
        return sorted(crowd.map(one, bodies))


def dial_all(hub: Hub, key: str, wanted: int) -> float:
    """A dialer as fast as can be: seconds until `wanted` calls were leased and reported."""

    async def work() -> float:
        began = time.perf_counter()
        done = 0
        async with aiohttp.ClientSession(hub.url, headers={"Authorization": f"Bearer {key}"}) as api:

            async def report(call: dict[str, Any]) -> None:
                said = {"token": call["token"], "outcome": "interested"}
                async with api.post(f"/v1/dialer/calls/{call['id']}/outcome", json=said) as answer:
                    answer.raise_for_status()

            while done < wanted and time.perf_counter() - began < 120:
                lease = {"max": 100, "wait_seconds": 1}
                async with api.post("/v1/dialer/calls:lease", json=lease) as answer:
                    calls = (await answer.json())["calls"]
                await asyncio.gather(*(report(call) for call in calls))
                done += len(calls)
        assert done >= wanted
        return time.perf_counter() - began

    return asyncio.run(work())


def spent(before: Cpu, after: Cpu, leads: int, names: Callable[[str], bool]) -> tuple[float, str]:
    each = {name: (after[name] - before[name]) * 1000 / leads for name in after if names(name)}
    total = sum(each.values())
    return total, ", ".join(f"{name} {seconds:.1f}" for name, seconds in each.items())


def test_speed(bench: Bench) -> None:
    hub = bench.hub
    table = Table(
        "what", "hub", "plain Temporal", "aim", title=f"{LEADS} leads, batches of {SIZE}, {os.cpu_count()} cores"
    )
    at_rest = bench.memory()
    partner, dialer = hub.partner(rate_limit=10_000_000), hub.dialer_key()

    post(hub.url + PATH, partner["key"], batches(hub, 3))  # warm
    post(bench.plain, "", batches(hub, 1))
    dial_all(hub, dialer, 300)
    eventually(lambda: hub.query("SELECT count(*) FROM plain_lead WHERE NOT dialled") == [(0,)])

    idle = [post(hub.url + PATH, partner["key"], [body])[0] for body in _spaced(batches(hub, 20))]
    dial_all(hub, dialer, 20 * SIZE)
    idle_plain = [post(bench.plain, "", [body])[0] for body in _spaced(batches(hub, 5))]
    eventually(lambda: hub.query("SELECT count(*) FROM plain_lead WHERE NOT dialled") == [(0,)], 120)
    table.add_row("answer to a batch, idle: p50", _ms(idle, 0.5), _ms(idle_plain, 0.5), "60 ms")
    table.add_row("answer to a batch, idle: p99", _ms(idle, 0.99), _ms(idle_plain, 0.99), "")

    bodies = batches(hub, LEADS // SIZE)
    before, began = bench.cpu(), time.perf_counter()
    with ThreadPoolExecutor(1) as side:
        dialled = side.submit(dial_all, hub, dialer, LEADS)
        answers = post(hub.url + PATH, partner["key"], bodies, POSTERS)
        dialled.result()
    seconds = time.perf_counter() - began
    eventually(lambda: hub.query("SELECT count(*) FROM outbox") == [(0,)])
    ours, by_process = spent(before, bench.cpu(), LEADS, lambda name: not name.startswith("plain"))

    before, began = bench.cpu(), time.perf_counter()
    plain_answers = post(bench.plain, "", batches(hub, LEADS // SIZE), POSTERS)
    eventually(lambda: hub.query("SELECT count(*) FROM plain_lead WHERE NOT dialled") == [(0,)], 300)
    eventually(lambda: hub.query("SELECT count(*) FROM plain_lead")[0][0] >= LEADS, 300)
    plain_seconds = time.perf_counter() - began
    theirs, _ = spent(
        before, bench.cpu(), LEADS, lambda name: name.startswith("plain") or name in {"postgres", "temporal"}
    )

    table.add_row("answer under load: p50", _ms(answers, 0.5), _ms(plain_answers, 0.5), "")
    table.add_row("answer under load: p99", _ms(answers, 0.99), _ms(plain_answers, 0.99), "1000 ms")
    table.add_row("leads/s from POST to dialled", f"{LEADS / seconds:.0f}", f"{LEADS / plain_seconds:.0f}", "3 times")
    table.add_row("times plain Temporal's leads/s", f"{plain_seconds / seconds:.1f}", "1", "3")
    table.add_row("CPU-s per 1000 leads", f"{ours:.1f}", f"{theirs:.1f}", "a third")
    table.add_row("share of plain Temporal's CPU", f"{ours / theirs:.2f}", "1", "0.33")

    began = time.perf_counter()
    post(hub.url + PATH, partner["key"], bodies, POSTERS)
    table.add_row("the same leads again, leads/s", f"{LEADS / (time.perf_counter() - began):.0f}", "", "5000")
    table.add_row("lateness of a delayed call: p50 / max", _lateness(hub, dialer), "", "1 s: Temporal's timers")
    table.add_row("sealing one contact", f"{_sealing(hub):.1f} µs", "", "")
    at_end = bench.memory()
    for name in ("api", "intake", "leads 1", "temporal", "postgres"):
        table.add_row(
            f"memory of {name}, at rest / at end", f"{at_rest[name]:.0f} / {at_end[name]:.0f} MB", "", "150 MB"
        )
    console = Console(width=110)
    console.print()
    console.print(table)
    console.print(f"CPU-s per 1000 leads by process: {by_process}")


def _spaced(bodies: list[bytes]) -> Iterator[bytes]:
    """One after the other, each when the machine is quiet again."""
    for body in bodies:
        time.sleep(1.5)
        yield body


def _ms(seconds: list[float], quantile: float) -> str:
    return f"{sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * quantile))] * 1000:.0f} ms"


def _lateness(hub: Hub, dialer: str) -> str:
    """Of calls that were asked for two seconds later: from their due time until a waiting dialer has them."""
    tenant, count = hub.partner("comunik8", region="GB"), 20
    for _ in range(count):
        person = {"first_name": "Ann", "surname": "Lee", "email": "ann@example.com", "mobile": hub.number()}
        lead = {**person, "type": tenant["type"], "delays": 2}
        requests.post(f"{hub.url}/lead/add?key={tenant['key']}", json=lead, timeout=30).raise_for_status()
    dial_all(hub, dialer, count)
    late = "SELECT extract(epoch FROM leased_at - due_at) FROM call WHERE partner_id = $1 ORDER BY 1"
    seconds = [float(row[0]) for row in hub.query(late, tenant["id"])]
    return f"{_ms(seconds, 0.5)} / {_ms(seconds, 1)}"


def _sealing(hub: Hub) -> float:
    vault, person, rounds = hub.settings.vault(), b'{"name":"Ann Lee","phone":"+447840258823"}', 2000
    began = time.perf_counter()
    for row in range(rounds):
        key, _ = vault.new_key()
        key.seal(person, row=str(row), column="contact.sealed")
        vault.index("phone", str(row))
    return (time.perf_counter() - began) / rounds * 1e6
