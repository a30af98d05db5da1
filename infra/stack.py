"""Brings up `hub dev`: the databases, then what needs them, then the hub itself."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from infra import postgres, temporal, temporal_indexes
from infra.data_directory import DataDirectory
from infra.hub_services import HubServices
from infra.ports import HOST, exactly
from infra.processes import Service, ServiceFailed
from infra.supervisor import Supervisor
from infra.temporal_binary import find_or_get

API_PORT, UI_PORT, MAIL_PORT = 8000, 8233, 8025  # where they are free


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; without a port the usual or any, a port of 0 is any."""

    port: int | None = None
    api_workers: int = 1
    lead_processes: int = max(1, min(4, (os.cpu_count() or 2) // 2))
    demo_dialer: bool = True


@dataclass(frozen=True, slots=True)
class Running:
    """What `dev.json` says: addresses, links to sign in by, and the demo tenants with their keys."""

    api: str
    temporal: str
    temporal_ui: str | None
    database_url: str
    mail_ui: str
    console: str
    portal: str
    tenants: Mapping[str, object]

    def as_json(self) -> dict[str, object]:
        """The document itself."""
        return {name: getattr(self, name) for name in Running.__slots__}


class Stack:
    """One data directory's servers, kept by one supervisor."""

    def __init__(self, directory: DataDirectory, options: Options, supervisor: Supervisor) -> None:
        self._directory = directory
        self._options = options
        self._supervisor = supervisor
        self._ports = directory.ports()
        self._database = "embedded"  # or the URL of a server that is not ours
        secrets = directory.secrets()
        self._env = {
            "HUB_ENV": "development",
            "HUB_DATA": str(directory.path),
            "HUB_MASTER_KEY": secrets.master_key,
            "HUB_PEPPER": secrets.pepper,
            "HUB_SMTP_HOST": HOST,
            "HUB_SMTP_PORT": str(self._ports.port("smtp")),
        }

    def bring_up(self, say: Callable[[str], None]) -> Running:
        """Start all, in order.

        Raises ServiceFailed, StopRequested, PortTaken, PostgresUnavailable or TemporalUnavailable.
        """
        port = self._ports.port("api", API_PORT) if self._options.port is None else exactly(self._options.port)
        ui = self._start_databases(say)
        say("Bringing the database up to date")
        api, prepared = f"http://{HOST}:{port}", self._prepare_database()
        running = Running(
            api=api,
            temporal=self._env["TEMPORAL_ADDRESS"],
            temporal_ui=ui,
            database_url=self._env["DATABASE_URL"],
            mail_ui=f"http://{HOST}:{self._ports.port('mail', MAIL_PORT)}",
            console=api + prepared["links"]["console"],
            portal=api + prepared["links"]["portal"],
            tenants=prepared["tenants"],
        )
        say("Starting the mail catcher, workers and API")
        self._start_hub(running, port)
        return running

    def _start_databases(self, say: Callable[[str], None]) -> str | None:
        """PostgreSQL and Temporal side by side, unless the environment names others; the URL of Temporal's UI."""
        services: list[Service] = []
        ui: str | None = None
        afterwards: Callable[[], object] = partial(self._run, "infra.search_attributes")
        if url := os.environ.get("DATABASE_URL"):
            self._env["DATABASE_URL"] = self._database = url
        else:
            services.append(self._postgres(say))
        if address := os.environ.get("TEMPORAL_ADDRESS"):
            self._env["TEMPORAL_ADDRESS"] = address
        else:
            server, binary = self._temporal_server(), find_or_get()
            ui, afterwards = server.ui, partial(_tune_temporal, server, binary, say)
            self._env["TEMPORAL_ADDRESS"] = server.address
            self._env["HUB_TEMPORAL_UI"] = server.ui
            services.append(temporal.service(server, binary))
        say("Starting " + (" and ".join(service.name for service in services) or "with servers of your own"))
        self._supervisor.start(*([service] for service in services))
        afterwards()
        return ui

    def _postgres(self, say: Callable[[str], None]) -> Service:
        password = self._directory.secrets().database_password
        cluster = postgres.Cluster(self._directory.postgres, self._ports.port("postgres"), password)
        binaries = postgres.find_binaries()
        if postgres.create(cluster, binaries):
            say(f"Made an empty database in {cluster.directory}")
            self._directory.write_tenants(self._database, {})  # of a database that is gone
        self._env["DATABASE_URL"] = cluster.url().replace("+asyncpg", "")
        return postgres.service(cluster, binaries)

    def _temporal_server(self) -> temporal.DevServer:
        port, metrics = self._ports.port("temporal"), self._ports.port("temporal-metrics")
        return temporal.DevServer(port, self._ports.port("temporal-ui", UI_PORT), metrics, self._directory.temporal)

    def _prepare_database(self) -> dict[str, Any]:
        """Migrations, demo tenants, and links to sign in by: what infra.prepare prints."""
        known = json.dumps(self._directory.tenants(self._database))
        prepared: dict[str, Any] = json.loads(self._run("infra.prepare", known))
        self._directory.write_tenants(self._database, prepared["tenants"])
        return prepared

    def _run(self, module: str, given: str = "") -> bytes:
        """Run a step to its end, in a process of its own: the supervisor stays small. Its stdout."""
        log = self._directory.log(module.rpartition(".")[2])
        log.parent.mkdir(exist_ok=True)
        with log.open("ab") as errors:
            done = subprocess.run(
                (sys.executable, "-m", module),
                env={**os.environ, **self._env},
                input=given.encode(),
                stdout=subprocess.PIPE,
                stderr=errors,
                check=False,
            )
        if done.returncode != 0:
            raise ServiceFailed(module, f"ended with code {done.returncode}", log)
        return done.stdout

    def _start_hub(self, running: Running, port: int) -> None:
        hub = HubServices(self._env, self._ports)
        dialer = [hub.demo_dialer(running.api, running.tenants)] if self._options.demo_dialer else []
        leads = hub.worker("leads", processes=self._options.lead_processes)
        workers = [hub.worker("intake"), leads, hub.worker("webhooks", "discounts")]
        api = hub.api(port, self._options.api_workers)
        # The dialer stops together with the API: its waiting call would hold the API up.
        self._supervisor.start([hub.mail_catcher()], workers, [*dialer, api])


def _tune_temporal(server: temporal.DevServer, binary: Path, say: Callable[[str], None]) -> None:
    temporal.keep_histories(server, binary)
    if problem := temporal_indexes.drop_unused(server):
        say(f"Temporal's database keeps all its indexes: {problem}")
