"""The table of one `make bench`, and the running systems that its sections share."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from hub.seal import Vault, load_master_keys
from tests.bench.loads import SIZE, Target, batches, partner_api, post_all, until
from tests.bench.processes import Groups, cpu, less, memory
from tests.bench.rows import CORES, Report
from tests.bench.seed import Seeded, Size, seed
from tests.bench.stack import Bench, Servers, dialing, running_bench, running_plain, running_servers
from tests.support.servers import Databases
from tests.support.stack import MASTER_KEY, PEPPER

USUAL_LEADS = 600
LEADS = int(os.environ.get("BENCH_LEADS", str(USUAL_LEADS)))
WARM_UP = 2 * SIZE
REST_SECONDS = 5


@pytest.fixture(scope="session")
def leads() -> int:
    """How many leads a run has; a whole number of batches."""
    return max(1, LEADS // SIZE) * SIZE


@pytest.fixture(scope="session")
def report(leads: int) -> Iterator[Report]:
    found = Report(f"{leads} leads, batches of {SIZE}, {CORES} cores, the clients on them too")
    yield found
    found.show()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """PostgreSQL and Temporal, for all sections."""
    with running_servers(tmp_path_factory.mktemp("servers")) as found:
        yield found


@pytest.fixture(scope="session")
def vault() -> Vault:
    """As the running hub's."""
    return Vault(load_master_keys(MASTER_KEY), PEPPER.encode())


@pytest.fixture(scope="session")
async def seeded(databases: Databases, vault: Vault) -> AsyncIterator[Seeded]:
    """A database of its own with BENCH_ROWS leads and all that belongs to them."""
    url = databases.fresh()
    yield await seed(url, vault, PEPPER.encode(), Size.of(int(os.environ.get("BENCH_ROWS", "1000000"))))
    databases.drop(url)


@pytest.fixture(scope="session")
async def bench(report: Report, servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """The hub, warmed up; its memory becomes rows when all sections have run."""
    async with running_bench(servers, tmp_path_factory.mktemp("hub")) as found:
        at_rest = memory(found.servers | found.ours)
        report.note(_about_temporal(found))
        await _warm_up(found)
        await _rest(found, report)
        yield found
        for name, at_end in memory(found.servers | found.ours).items():
            aim = "150 MB each" if name in found.ours else ""
            count = f" ({len(found.ours[name])} processes)" if len(found.ours.get(name, [])) > 1 else ""
            report.row(f"memory of {name}{count}: at rest / at end", f"{at_rest[name]:.0f} / {at_end:.0f} MB", aim=aim)


def _about_temporal(bench: Bench) -> str:
    if "TEMPORAL_ADDRESS" not in os.environ:
        return "Temporal: the development server of `hub dev`, with its flags, on a database file."
    processes = [process.name() for name, group in bench.servers.items() if "temporal" in name for process in group]
    counted = f"counted are {', '.join(processes)}" if processes else "not on this machine: its CPU is NOT counted"
    return f"Temporal: TEMPORAL_ADDRESS, {counted}."


async def _warm_up(bench: Bench) -> None:
    tenant = bench.hub.partner(rate_limit=10_000_000)
    async with dialing(bench.hub):
        await post_all(partner_api(bench.hub, tenant), batches(bench.hub, WARM_UP), 1)
        await until(lambda: bench.done(tenant["id"], WARM_UP))
    await bench.quiet()


async def _rest(bench: Bench, report: Report) -> None:
    before = cpu(bench.servers | bench.ours)
    await asyncio.sleep(REST_SECONDS)
    used = less(cpu(bench.servers | bench.ours), before)
    report.row("CPU of all processes at rest", f"{sum(used.values()) / REST_SECONDS:.1%} of a core")
    report.note("CPU at rest: " + ", ".join(f"{name} {each / REST_SECONDS:.1%}" for name, each in used.items()))


@dataclass(frozen=True, slots=True)
class Plain:
    """The baseline. What it uses is its own processes and the servers."""

    target: Target
    groups: Groups
    bench: Bench

    async def dialled(self, leads: int) -> bool:
        found = await self.bench.sql("SELECT count(*) FROM plain_lead WHERE dialled")
        return isinstance(found, int) and found >= leads

    async def stored(self) -> int:
        return int(await self.bench.sql("SELECT count(*) FROM plain_lead"))


@pytest.fixture(scope="session")
async def plain(bench: Bench) -> AsyncIterator[Plain]:
    """Plain Temporal, warmed up."""
    async with running_plain(bench) as (url, groups):
        found = Plain(Target(url), bench.servers | groups, bench)
        await post_all(found.target, batches(bench.hub, SIZE), 1)
        await until(lambda: found.dialled(SIZE))
        yield found
