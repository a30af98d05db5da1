"""`hub api`: the HTTP server of a production installation. The parent of several imports none of their work."""

import os
import resource
import shutil
import socket
import tempfile
from typing import Annotated

import typer

from infra.copies import Copies

BACKLOG = 2048
OPEN_FILES = 65_536
CONSOLE_PORT = "HUB_CONSOLE_PORT"


def api(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the port.")] = 1,
    console_port: Annotated[
        int | None,
        typer.Option(min=1, max=65_535, envvar=CONSOLE_PORT, help="Serve the operators' console here, and only here."),
    ] = None,
    fd: Annotated[list[int] | None, typer.Option(hidden=True, help="A listening socket, inherited.")] = None,
) -> None:
    """Serve the partners', the dialers' and the hub's own HTTP APIs, the console and the portal."""
    _raise_file_limit()
    if console_port is not None:
        os.environ[CONSOLE_PORT] = str(console_port)  # by this the app knows which pages are on which port
    if fd:
        sockets = [socket.socket(fileno=each) for each in fd]
    else:
        sockets = [_listen(host, each) for each in (port, console_port) if each is not None]
    if workers > 1:
        _share(sockets, workers)
        return
    from api.server import serve  # noqa: PLC0415 - the parent of several needs none of it

    serve(sockets)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        typer.echo(f"Can't listen on {host}:{port}: {error.strerror}", err=True)
        raise typer.Exit(1) from None


def _share(sockets: list[socket.socket], workers: int) -> None:
    """Let processes accept from the same sockets and add up their metrics in one folder."""
    metrics = tempfile.mkdtemp(prefix="hub-metrics-")
    fds = [each.fileno() for each in sockets]
    try:
        commands = [("api", *(word for fd in fds for word in ("--fd", str(fd))))] * workers
        Copies(commands, typer.echo, env={"PROMETHEUS_MULTIPROC_DIR": metrics}, fds=fds).run()
    finally:
        shutil.rmtree(metrics, ignore_errors=True)


def _raise_file_limit() -> None:
    """Every connection is an open file; the usual limit of 1024 is a handful of slow clients."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
