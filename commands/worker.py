"""`hub worker`: the worker processes of a production installation. The parent of several imports none of their work."""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import typer

from hub.temporal.roles import Role
from infra.copies import Copies


def worker(
    role: Annotated[
        list[Role] | None,
        typer.Option(help="Which queues to work on; may be given several times. All, if it isn't given."),
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="How many.")] = 1,
    metrics_port: Annotated[
        int | None, typer.Option(help="Prometheus at this port, the next for the second, ...")
    ] = None,
    metrics_host: Annotated[str, typer.Option(help="The address of these ports.")] = "127.0.0.1",
    health_port: Annotated[
        int | None, typer.Option(help="/healthz and /readyz at this port, the next for the second, ...")
    ] = None,
) -> None:
    """Work on Temporal's queues."""
    roles = role or [Role.ALL]
    if processes == 1:
        from worker import main  # noqa: PLC0415 - the parent of several needs none of it

        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(main(roles, metrics_host, metrics_port=metrics_port, health_port=health_port))
        return
    ports = {"--metrics-port": metrics_port, "--health-port": health_port}
    Copies([_command(roles, metrics_host, ports, number) for number in range(processes)], typer.echo).run()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Take uvloop's where there is one."""
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 - not there on Windows

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _command(roles: Sequence[str], host: str, ports: Mapping[str, int | None], number: int) -> tuple[str, ...]:
    """The command of one process, at its own ports."""
    named = [word for role in roles for word in ("--role", role)]
    own = [word for option, port in ports.items() if port for word in (option, str(port + number))]
    return ("worker", *named, "--metrics-host", host, *own)
