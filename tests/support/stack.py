"""The hub as it runs in production, for tests: `hub api` and `hub worker` as processes over real servers."""

import asyncio
import itertools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import requests
from pydantic import SecretStr

from hub.actors import Actor, ActorKind
from hub.egress_rules import EgressRules
from hub.settings import Environment, Settings
from hub.store.admin import default_dialer
from hub.store.db.engine import Database
from hub.store.endpoints import create_endpoint
from hub.store.keys import create_key
from hub.store.provisioning import NewPartner, create_partner
from infra import http
from infra.ports import HOST, free_port, is_open
from infra.processes import Service
from tests.support.servers import running

MASTER_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
OPERATOR = Actor(ActorKind.OPERATOR, "test")
PEPPER = "a pepper for tests, 32 bytes long"
SMALL = {"HUB_DATABASE_POOL": "5"}


@dataclass(slots=True)
class Hub:
    """A running hub. Tests make their own tenants, and numbers that no other test has.

    `worker_metrics`: the URL of its worker's metrics, where it has one worker.
    """

    url: str
    database_url: str
    temporal: str
    env: dict[str, str]
    logs: Path
    worker_metrics: str = ""
    _numbers: Iterator[int] = field(default_factory=partial(itertools.count, 100_000))

    @property
    def settings(self) -> Settings:
        return Settings(
            DATABASE_URL=self.database_url,
            env=Environment.DEVELOPMENT,
            master_key=SecretStr(MASTER_KEY),
            pepper=SecretStr(PEPPER),
        )

    def number(self) -> str:
        """A valid UK mobile number in E.164, new at each call."""
        return f"+447840{next(self._numbers):06d}"

    def partner(self, api: str = "partner_api", **facts: Any) -> dict[str, Any]:
        """A new tenant with its fields, as `hub partner create --json` prints them."""

        async def create() -> dict[str, Any]:
            database = Database(self.database_url, 1)
            async with database.begin() as tx:
                new = NewPartner(f"Test {next(self._numbers)}", api, **facts)
                made = await create_partner(tx, PEPPER.encode(), new, 600)
            await database.close()
            return made

        return _run(create())

    def endpoint(self, partner_id: int, url: str, *types: str, campaign: str | None = None) -> dict[str, Any]:
        """A webhook endpoint on loopback, its secret included."""

        async def create() -> dict[str, Any]:
            database = Database(self.database_url, 1)
            async with database.begin() as tx:
                vault, rules = self.settings.vault(), EgressRules(development=True)
                made = await create_endpoint(tx, vault, rules, OPERATOR, partner_id, url, types, campaign)
            await database.close()
            return made

        return _run(create())

    def dialer_key(self) -> str:
        """A key of the default pull dialer."""

        async def create() -> str:
            database = Database(self.database_url, 1)
            async with database.begin() as tx:
                dialer_id = await default_dialer(tx)
                key = await create_key(tx, PEPPER.encode(), "dialer", scope="dialer", dialer_id=dialer_id)
            await database.close()
            return key.text

        return _run(create())

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows as the database has them now."""

        async def fetch() -> list[tuple[Any, ...]]:
            database = Database(self.database_url, 1)
            async with database.begin() as tx:
                found = await tx.exec_driver_sql(sql, values)
                rows = [tuple(row) for row in found] if found.returns_rows else []
            await database.close()
            return rows

        return _run(fetch())

    def lead_workflow(self, lead: int) -> str:
        """The id of the lead's workflow."""
        ids = "SELECT concat_ws('-', 'lead', lead.id, workflow_token, deployment.id) FROM lead, deployment"
        [(workflow_id,)] = self.query(f"{ids} WHERE lead.id = $1", lead)
        return str(workflow_id)

    def post(self, path: str, key: str, body: Any, **headers: str) -> requests.Response:
        """POST as a Partner API client does."""
        return requests.post(self.url + path, json=body, headers={"X-API-Key": key, **headers}, timeout=30)


def _run(coroutine: Any) -> Any:
    # A loop of its own in a thread of its own: the caller may be within a running one.
    import concurrent.futures  # noqa: PLC0415 - only here

    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def environment(database_url: str, temporal: str, **more: str) -> dict[str, str]:
    """What the hub's processes find in theirs."""
    return {
        "HUB_ENV": "development",
        "HUB_MASTER_KEY": MASTER_KEY,
        "HUB_PEPPER": PEPPER,
        "DATABASE_URL": database_url,
        "TEMPORAL_ADDRESS": temporal,
        **SMALL,
        **more,
    }


def api_service(env: dict[str, str], port: int, workers: int = 1) -> Service:
    """`hub api` at a port."""
    argv = (sys.executable, "-m", "cli", "api", "--port", str(port), "--workers", str(workers))
    ready = partial(http.answers, f"http://{HOST}:{port}/readyz")
    return Service(
        name="api",
        argv=argv,
        ready=ready,
        env={**os.environ, **env, "HUB_PUBLIC_URL": f"http://{HOST}:{port}"},
        ports=(port,),
    )


def worker_service(env: dict[str, str], role: str = "all") -> Service:
    """`hub worker` of a role."""
    port = free_port()
    argv = (sys.executable, "-m", "cli", "worker", "--role", role, "--metrics-port", str(port))
    env = {**os.environ, **env}
    return Service(name=f"worker-{role}", argv=argv, ready=partial(is_open, port), env=env, ports=(port,))


@contextmanager
def running_hub(database_url: str, temporal: str, folder: Path, **more: str) -> Iterator[Hub]:
    """One API process and one worker of all roles, until the block ends."""
    env = environment(database_url, temporal, **more)
    with running_worker(env, folder) as metrics, running_api(env, folder) as url:
        yield Hub(url, database_url, temporal, env, folder, metrics)


@contextmanager
def running_api(env: dict[str, str], folder: Path, workers: int = 1) -> Iterator[str]:
    """The URL of `hub api` with this environment."""

    def api() -> Service:
        return api_service(env, free_port(), workers)

    with running(api, folder) as service:
        yield f"http://{HOST}:{service.ports[0]}"


@contextmanager
def alive_api(database_url: str, temporal: str, folder: Path) -> Iterator[Hub]:
    """An API that has only to be alive, not ready: for servers that are away."""
    env = environment(database_url, temporal)

    def alive() -> Service:
        port = free_port()
        return replace(api_service(env, port), ready=partial(http.answers, f"http://{HOST}:{port}/healthz"))

    with running(alive, folder) as service:
        yield Hub(f"http://{HOST}:{service.ports[0]}", database_url, temporal, env, folder)


@contextmanager
def running_worker(env: dict[str, str], folder: Path, role: str = "all") -> Iterator[str]:
    """The URL of the metrics of `hub worker` of a role with this environment."""

    def worker() -> Service:
        return worker_service(env, role)

    with running(worker, folder) as service:
        yield f"http://{HOST}:{service.ports[0]}/metrics"
