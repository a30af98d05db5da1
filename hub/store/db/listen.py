"""Listening to NOTIFY on a dedicated connection, reconnected when lost. Missed notifications are found by polling."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import asyncpg

from hub.store.db.engine import driver_url

RECONNECT_SECONDS = 1.0


class Listener:
    """Calls `on_notify(payload)` for each NOTIFY on `channel`, and `on_notify("")` after each (re)connect."""

    def __init__(self, url: str, channel: str, on_notify: Callable[[str], None]) -> None:
        self._url = driver_url(url).replace("+asyncpg", "", 1)
        self._channel, self._on_notify = channel, on_notify
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"listen {self._channel}")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                await self._listen()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(self._url, timeout=5)
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            await connection.add_listener(self._channel, lambda *args: self._on_notify(str(args[3])))
            self._on_notify("")
            await lost.wait()
        finally:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                await connection.close(timeout=1)
