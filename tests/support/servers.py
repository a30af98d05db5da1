"""The real servers that tests run against: PostgreSQL with a migrated template database, and Temporal."""

import asyncio
import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import asyncpg

from infra import postgres, temporal, temporal_binary
from infra.migrations import upgrade
from infra.ports import free_port
from infra.processes import Service, run_on_free_ports, stop

TEMPLATE = "hub_template"
_LOGS = itertools.count()
# A test's data need not survive a power cut.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}


@dataclass(frozen=True, slots=True)
class Databases:
    """Hands out databases of one server: each migrated and empty, made in some 50 ms from a template."""

    cluster: postgres.Cluster
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def postgres_url(self) -> str:
        """The migrated database that a whole session may share."""
        return self.cluster.url()

    def fresh(self) -> str:
        """The URL of a new one."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        # The template's copies would share workflow ids and task queues.
        self._execute("UPDATE deployment SET id = current_database()", name)
        return self.cluster.url(name)

    def copy(self, source: str, target: str) -> None:
        """Make one database what another is, as by restoring a backup; whoever is connected to either is cut off."""
        source, target = source.rpartition("/")[2], target.rpartition("/")[2]
        others = f"datname = '{source}' AND usename = current_user"
        self._execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")  # noqa: S608 - a test's own
        self._execute(f"DROP DATABASE IF EXISTS {target} WITH (FORCE)")
        self._execute(f"CREATE DATABASE {target} TEMPLATE {source}")

    def drop(self, url: str) -> None:
        """Remove one, whoever is still connected to it."""
        self._execute(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    def rename(self, url: str, new_url: str) -> None:
        """Give one that nobody is connected to another name."""
        self._execute(f"ALTER DATABASE {url.rpartition('/')[2]} RENAME TO {new_url.rpartition('/')[2]}")

    def prepare(self) -> None:
        """Migrate the template, and the shared database from it."""
        self._execute(f"CREATE DATABASE {TEMPLATE}")
        upgrade(self.cluster.url(TEMPLATE))
        self._execute(f"DROP DATABASE {postgres.DATABASE}")
        self._execute(f"CREATE DATABASE {postgres.DATABASE} TEMPLATE {TEMPLATE}")

    def _execute(self, statement: str, database: str = "postgres") -> None:
        # A thread, because the caller may be within a running loop.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, _execute(self.cluster.url(database), statement)).result()


def execute(url: str, statements: str) -> None:
    """Run statements without parameters on a test's own database. For tests without a running event loop."""
    asyncio.run(_execute(url, statements))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@contextmanager
def running_postgres(folder: Path) -> Iterator[Databases]:
    """A server with its data in `folder`, prepared."""
    with running_cluster(folder, password="test", **FAST) as cluster:
        databases = Databases(cluster)
        databases.prepare()
        yield databases


@contextmanager
def running(choose: Callable[[], Service], folder: Path) -> Iterator[Service]:
    """What `choose` describes, on ports that it chooses: until the block ends."""
    log = folder / f"{choose.__name__.strip('<>')}-{next(_LOGS)}.log"
    process, service = run_on_free_ports(choose, log)
    try:
        yield service
    finally:
        stop(process, service)


@contextmanager
def running_cluster(folder: Path, password: str, **settings: str) -> Iterator[postgres.Cluster]:
    """A server with its data in `folder` and an empty database."""
    binaries = postgres.find_binaries()
    cluster = postgres.Cluster(folder / "postgres", 0, password)
    postgres.create(cluster, binaries)
    # What tests do besides the hub: databases of their own, and files that hold what was written.
    rights = (f"ALTER ROLE {postgres.ROLE} CREATEDB", f"GRANT pg_checkpoint, pg_signal_backend TO {postgres.ROLE}")
    postgres.administer(cluster.directory, binaries, *rights)

    def choose() -> Service:
        return postgres.service(replace(cluster, port=free_port()), binaries, **settings)

    with running(choose, folder) as service:
        yield replace(cluster, port=service.ports[0])


@contextmanager
def running_temporal(folder: Path, database: Path | None = None, **dynamic_config: int) -> Iterator[temporal.DevServer]:
    """A server as `hub dev` starts it, its data in memory or in the file `database`.

    `dynamic_config`: further settings, `limit__x` for `limit.x`.
    """
    binary = temporal_binary.find_or_get()
    more = [f"{name.replace('__', '.')}={value}" for name, value in dynamic_config.items()]
    flags = [flag for setting in more for flag in ("--dynamic-config-value", setting)]

    def choose() -> Service:
        server = temporal.DevServer(free_port(), free_port(), free_port(), database)
        service = temporal.service(server, binary)
        return replace(service, argv=(*service.argv, *flags))

    with running(choose, folder) as service:
        yield temporal.DevServer(*service.ports, database)
