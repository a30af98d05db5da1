"""A worker process's own answers by HTTP: `/healthz`, it runs; `/readyz`, it can work. One request a connection."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from hub.errors import Misconfigured
from hub.store.db.engine import Database

PATIENCE: Final = timedelta(seconds=3)
REQUEST_SECONDS: Final = 5.0


class Health:
    """Not ready before `watch`, and while one of what it watches does not do its part."""

    def __init__(self) -> None:
        self._watched: tuple[Client, Database, Sequence[Worker]] | None = None

    def watch(self, client: Client, database: Database, workers: Sequence[Worker]) -> None:
        """These do the process's work from now on."""
        self._watched = client, database, workers

    def forget(self) -> None:
        """The process is ending."""
        self._watched = None

    @asynccontextmanager
    async def serving(self, host: str, port: int | None) -> AsyncIterator[None]:
        """Answer at this port until the block ends; without a port, don't. Raises Misconfigured."""
        if port is None:
            yield
            return
        try:
            server = await asyncio.start_server(self._answer, host, port)
        except OSError as error:
            raise Misconfigured(f"--health-port: can't listen on {host}:{port}: {error.strerror}.") from None
        async with server:
            yield

    async def report(self) -> dict[str, str]:
        """`ok`, or what is the matter, of each part."""
        if self._watched is None:
            return {"worker": "not at work yet, or not any more"}
        client, database, workers = self._watched
        found = await asyncio.gather(database.failure(PATIENCE.total_seconds()), _temporal(client))
        polling = "ok" if all(worker.is_running for worker in workers) else "stopped"
        return {"database": found[0] or "ok", "temporal": found[1], "polling": polling}

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
            async with asyncio.timeout(REQUEST_SECONDS + PATIENCE.total_seconds()):
                head = await reader.readuntil(b"\r\n\r\n")
                status, found = await self._respond(head.split(b"\r\n", 1)[0])
                body = json.dumps(found).encode()
                writer.write(
                    f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        writer.close()

    async def _respond(self, line: bytes) -> tuple[HTTPStatus, dict[str, str]]:
        match line.split():
            case [b"GET", b"/healthz", _]:
                return HTTPStatus.OK, {"status": "ok"}
            case [b"GET", b"/readyz", _]:
                found = await self.report()
                return HTTPStatus.OK if set(found.values()) == {"ok"} else HTTPStatus.SERVICE_UNAVAILABLE, found
        return HTTPStatus.NOT_FOUND, {"detail": "There are /healthz and /readyz."}


async def _temporal(client: Client) -> str:
    try:
        healthy = await client.service_client.check_health(timeout=PATIENCE)
    except (RPCError, RuntimeError) as error:
        return type(error).__name__
    return "ok" if healthy else "unhealthy"
