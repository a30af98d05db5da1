"""What is measured, running: the hub's processes as in production, and plain Temporal's, over the same servers."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
from temporalio.client import Client
from temporalio.envconfig import ClientConfig

from infra import postgres, temporal, temporal_binary, temporal_indexes
from infra.migrations import upgrade
from infra.ports import HOST, free_port, is_open
from infra.processes import Service
from tests.bench.loads import Target, until
from tests.bench.processes import Cores, Groups, behind, cpu, less, started
from tests.bench.rows import Run
from tests.support.stack import Hub, api_service, environment, worker_service

QUIET_SECONDS, QUIET_SHARE = 0.4, 0.15  # of one core
OPEN = "ExecutionStatus = 'Running'"


@dataclass
class Bench:
    """One running hub, to be watched from outside."""

    hub: Hub
    servers: Groups
    ours: Groups
    temporal: Client
    database: "asyncpg.Pool[asyncpg.Record]"
    known: tuple[Target, list[bytes]] | None = None  # batches whose leads are done

    async def sql(self, query: str, *values: Any) -> Any:
        """One value, over connections that stay: a new one for each look would add to what is measured."""
        return await self.database.fetchval(query, *values)

    @property
    def per_1000(self) -> str:
        """What a row of CPU is called: it says so where Temporal runs out of our sight."""
        return "CPU-s per 1000 leads" + ("" if "temporal" in self.servers else ", WITHOUT Temporal's")

    async def open_workflows(self) -> int:
        return (await self.temporal.count_workflows(OPEN)).count

    async def done(self, partner_id: int, leads: int) -> bool:
        """Whether so many leads of the partner are done, and nothing is left in the outbox."""
        done = "SELECT count(*) FROM lead WHERE partner_id = $1 AND state = 'done'"
        return await self.sql(done, partner_id) >= leads and await self.sql("SELECT count(*) FROM outbox") == 0

    async def run(self, groups: Groups, work: Callable[[], Awaitable[None]], leads: int) -> Run:
        """Clock and CPU stop when the work is done and all workflows that it opened are closed."""
        await self.quiet(groups)
        open_before = await self.open_workflows()
        before, cores, began = cpu(groups), Cores.now(), time.perf_counter()
        await work()
        await until(partial(self._closed, open_before))
        seconds = time.perf_counter() - began
        return Run(leads, seconds, less(cpu(groups), before), Cores.now().since(cores))

    async def _closed(self, open_before: int) -> bool:
        return await self.open_workflows() <= open_before

    async def quiet(self, groups: Groups | None = None) -> None:
        """Until the processes use hardly any CPU."""
        await until(partial(self._idles, groups or self.servers | self.ours), every=0)

    async def _idles(self, groups: Groups) -> bool:
        before, began = cpu(groups), time.perf_counter()
        await asyncio.sleep(QUIET_SECONDS)
        used = sum(less(cpu(groups), before).values())
        return used < QUIET_SHARE * (time.perf_counter() - began)


@dataclass(frozen=True, slots=True)
class Servers:
    """What hub and baseline share; their processes as far as they are on this machine."""

    database_url: str
    temporal: str
    groups: Groups


@asynccontextmanager
async def running_bench(servers: Servers, folder: Path) -> AsyncIterator[Bench]:
    """As `hub dev` runs it, with two processes for leads."""
    env = environment(servers.database_url, servers.temporal, HUB_DATABASE_POOL="10")
    hub = Hub("", servers.database_url, servers.temporal, env, folder)
    roles = {"intake": "intake", "leads 1": "leads", "leads 2": "leads", "webhooks": "webhooks"}
    workers = {name: partial(worker_service, env, role) for name, role in roles.items()}
    hub.query("CREATE TABLE plain_lead (phone text PRIMARY KEY, dialled boolean NOT NULL DEFAULT false)")
    with started({"api": lambda: api_service(env, free_port()), **workers}, folder) as ours:
        hub.url = f"http://{HOST}:{ours.ports['api'][0]}"
        config = ClientConfig.load_client_connect_config() | {"target_host": servers.temporal}
        client = await Client.connect(**config)
        plain_url = servers.database_url.replace("+asyncpg", "")
        async with asyncpg.create_pool(plain_url, min_size=1, max_size=2) as database:
            yield Bench(hub, servers.groups, ours.groups, client, database)


@contextmanager
def running_servers(folder: Path) -> Iterator[Servers]:
    """PostgreSQL, migrated, and Temporal, writing to disk. For no running loop: migrations have their own."""
    cluster = postgres.Cluster(folder / "postgres", 0, password="bench")
    binaries = postgres.find_binaries()
    postgres.create(cluster, binaries)
    choices = {"postgres": lambda: postgres.service(replace(cluster, port=free_port()), binaries)}
    if address := os.environ.get("TEMPORAL_ADDRESS"):
        subprocess.run((sys.executable, "-m", "infra.search_attributes"), check=True, stdout=subprocess.DEVNULL)
    else:
        file, binary = folder / "temporal.db", temporal_binary.find_or_get()
        choices["temporal"] = lambda: temporal.service(
            temporal.DevServer(free_port(), free_port(), free_port(), file), binary
        )
    with started(choices, folder) as found:
        groups, url = found.groups, replace(cluster, port=found.ports["postgres"][0]).url()
        upgrade(url)
        if address is None:
            server = temporal.DevServer(*found.ports["temporal"], file)
            temporal_indexes.drop_unused(server)
        if address:
            yield Servers(url, address, groups | behind(address))
        else:
            yield Servers(url, server.address, groups)


@asynccontextmanager
async def running_plain(bench: Bench) -> AsyncIterator[tuple[str, Groups]]:
    """The URL of the plain baseline and its processes, beside an idle hub."""
    env = {**os.environ, **bench.hub.env}

    def api() -> Service:
        port = free_port()
        return Service("plain-api", _program("plain", "api", str(port)), partial(is_open, port), env=env, ports=(port,))

    def worker() -> Service:
        return Service("plain-worker", _program("plain", "worker", "0"), lambda: True, env=env)

    with started({"plain worker": worker, "plain api": api}, bench.hub.logs) as found:
        yield f"http://{HOST}:{found.ports['plain api'][0]}/", found.groups


@contextmanager
def receiving(folder: Path) -> Iterator[str]:
    """The URL of a webhook endpoint that takes everything."""

    def choose() -> Service:
        port = free_port()
        program = _program("receiver", str(port))
        return Service("receiver", program, partial(is_open, port), env=os.environ, ports=(port,))

    with started({"receiver": choose}, folder) as found:
        yield f"http://{HOST}:{found.ports['receiver'][0]}/"


@dataclass
class Dialled:
    """What a dialer tells at its end: whether it reported in arrays, how often it got a 503, when which number."""

    arrays: bool = False
    refused: int = 0
    got: dict[str, float] = field(default_factory=dict)


@asynccontextmanager
async def dialing(hub: Hub, *options: str) -> AsyncIterator[Dialled]:
    """A dialer in a process of its own until the block ends; what it tells is there afterwards."""
    program = _program("dialer", hub.url, hub.dialer_key(), *options)
    process = await asyncio.create_subprocess_exec(*program, stdout=asyncio.subprocess.PIPE, limit=2**24)
    assert process.stdout is not None
    told = Dialled()
    try:
        assert (await process.stdout.readline()).strip() == b"ready"
        yield told
    finally:
        if process.returncode is None:
            process.terminate()
        result = await process.stdout.read()
        assert await process.wait() == 0, "the dialer failed"
    found = json.loads(result)
    told.arrays, told.refused, told.got = found["arrays"], found["refused"], dict(found["got"])


def _program(name: str, *words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"tests.bench.{name}", *words)
