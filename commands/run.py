"""`hub api`, `hub worker`, `hub migrate`: the processes of a production installation."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from typing import Annotated

import typer
import uvicorn

from hub.settings import Settings
from infra.migrations import upgrade
from infra.processes import dies_with_parent

RESTART_SECONDS = 1.0


def api(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the port.")] = 1,
) -> None:
    """Serve the partners', the dialers' and the hub's own HTTP APIs."""
    with tempfile.TemporaryDirectory(prefix="hub-metrics-") as shared:
        if workers > 1:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = shared
        uvicorn.run(
            "api.app:create_app",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            loop="auto",
            http="httptools",
            access_log=False,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=65,
            timeout_graceful_shutdown=10,
            limit_concurrency=2000,
        )


def worker(
    role: Annotated[str, typer.Option(help="intake, leads, webhooks, discounts or all.")] = "all",
    processes: Annotated[int, typer.Option(min=1, help="How many.")] = 1,
    metrics_port: Annotated[
        int | None, typer.Option(help="Prometheus at this port, the next for the second, ...")
    ] = None,
    metrics_host: Annotated[str, typer.Option(help="The metrics' address.")] = "127.0.0.1",
) -> None:
    """Work on Temporal's queues."""
    if processes == 1:
        from worker import Role, main  # noqa: PLC0415 - the parent of several needs none of it

        asyncio.run(main(Role(role), f"{metrics_host}:{metrics_port}" if metrics_port else None))
        return
    ports = [metrics_port + n if metrics_port else None for n in range(processes)]
    _keep_running([_worker_command(role, metrics_host, port) for port in ports])


def _worker_command(role: str, host: str, port: int | None) -> list[str]:
    metrics = ["--metrics-host", host, "--metrics-port", str(port)] if port else []
    return [sys.executable, "-m", "cli", "worker", "--role", role, *metrics]


def _keep_running(commands: list[list[str]]) -> None:
    """Run each command, again when it ends by itself; SIGTERM and Ctrl-C end them all."""
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    commands = [list(dies_with_parent(tuple(command), signal.SIGTERM)) for command in commands]
    running = [subprocess.Popen(command) for command in commands]
    while not stopping:
        time.sleep(0.2)
        for n, process in enumerate(running):
            if process.poll() is not None and not stopping:
                time.sleep(RESTART_SECONDS)
                running[n] = subprocess.Popen(commands[n])
    for process in running:
        process.terminate()
    for process in running:
        process.wait()


def migrate() -> None:
    """Bring the database at DATABASE_URL to the tables of this version."""
    upgrade(Settings().database_url)
    typer.echo("The database is up to date.")
