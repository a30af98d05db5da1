"""`hub api`: the HTTP server of a production installation. The parent of several imports none of their work."""

import resource
import shutil
import socket
import tempfile
from typing import Annotated

import typer

from infra.copies import Copies

BACKLOG = 2048
OPEN_FILES = 65_536


def api(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the port.")] = 1,
    fd: Annotated[int | None, typer.Option(hidden=True, help="A listening socket, inherited.")] = None,
) -> None:
    """Serve the partners', the dialers' and the hub's own HTTP APIs."""
    _raise_file_limit()
    if workers > 1:
        _share(host, port, workers)
        return
    from api.server import serve  # noqa: PLC0415 - the parent of several needs none of it

    serve(host, port, [] if fd is None else [socket.socket(fileno=fd)])


def _share(host: str, port: int, workers: int) -> None:
    """Let processes accept from one socket and add up their metrics in one folder."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        typer.echo(f"Can't listen on {host}:{port}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    metrics = tempfile.mkdtemp(prefix="hub-metrics-")
    fd = listening.fileno()
    try:
        commands = [("api", "--fd", str(fd))] * workers
        Copies(commands, typer.echo, env={"PROMETHEUS_MULTIPROC_DIR": metrics}, fds=[fd]).run()
    finally:
        shutil.rmtree(metrics, ignore_errors=True)


def _raise_file_limit() -> None:
    """Every connection is an open file; the usual limit of 1024 is a handful of slow clients."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
