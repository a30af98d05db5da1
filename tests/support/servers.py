"""The real servers that tests run against: PostgreSQL with a migrated template database, and Temporal."""

import asyncio
import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from infra import postgres, temporal, temporal_binary
from infra.migrations import upgrade
from infra.ports import free_port
from infra.processes import run_until_ready, stop

TEMPLATE = "hub_template"
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


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@contextmanager
def running_postgres(folder: Path) -> Iterator[Databases]:
    """A server with its data in `folder`, prepared."""
    cluster = postgres.Cluster(folder / "postgres", free_port(), password="test")
    binaries = postgres.find_binaries()
    postgres.create(cluster, binaries)
    service = postgres.service(cluster, binaries, **FAST)
    process = run_until_ready(service, folder / "postgres.log")
    try:
        databases = Databases(cluster)
        databases.prepare()
        yield databases
    finally:
        stop(process, service)


@contextmanager
def running_temporal(folder: Path) -> Iterator[temporal.DevServer]:
    """A server as `hub dev` starts it, its data in memory."""
    server = temporal.DevServer(free_port(), free_port(), free_port())
    service = temporal.service(server, temporal_binary.find_or_get())
    process = run_until_ready(service, folder / "temporal.log")
    try:
        yield server
    finally:
        stop(process, service)
