"""`hub worker`: the worker processes of a production installation. The parent of several imports none of their work."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Annotated

import typer

from infra.processes import dies_with_parent

RESTART_SECONDS = 1.0


def worker(
    role: Annotated[str, typer.Option(help="intake, leads, webhooks or all.")] = "all",
    processes: Annotated[int, typer.Option(min=1, help="How many.")] = 1,
    metrics_port: Annotated[
        int | None, typer.Option(help="Prometheus at this port, the next for the second, ...")
    ] = None,
    metrics_host: Annotated[str, typer.Option(help="The metrics' address.")] = "127.0.0.1",
) -> None:
    """Work on Temporal's queues."""
    if processes == 1:
        from worker import Role, main  # noqa: PLC0415 - the parent of several needs none of it

        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(main(Role(role), f"{metrics_host}:{metrics_port}" if metrics_port else None))
        return
    ports = [metrics_port + n if metrics_port else None for n in range(processes)]
    _keep_running([_worker_command(role, metrics_host, port) for port in ports])


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Take uvloop's where there is one."""
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 - not there on Windows

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


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
