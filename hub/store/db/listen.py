"""Listening to NOTIFY on a dedicated connection, reconnected when lost. Missed notifications are found by polling."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import asyncpg
import structlog

from hub.store.db.url import connect_arguments

log = structlog.get_logger()
RECONNECT_SECONDS = 1.0
FAILURES = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)
LOOK_SECONDS = 15.0
ANSWER_SECONDS = 5.0


class Listener:
    """Calls `on_notify(payload)` for each NOTIFY on `channel`, and `on_notify("")` after each (re)connect."""

    def __init__(self, url: str, channel: str, on_notify: Callable[[str], None]) -> None:
        self._url = url
        self._channel, self._on_notify = channel, on_notify
        self._task: asyncio.Task[None] | None = None
        self._failure: str | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"listen {self._channel}")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except FAILURES as error:
                self._note(type(error).__name__)
            else:
                self._note("ConnectionLost")
            await asyncio.sleep(RECONNECT_SECONDS)

    def _note(self, failure: str | None) -> None:
        """Log a failure when it begins or becomes another, not at each try, and its end."""
        before, self._failure = self._failure, failure
        if failure is not None and failure != before:
            log.warning("listener", channel=self._channel, failure=failure)
        elif failure is None and before is not None:
            log.info("listener", channel=self._channel, reconnected_after=before)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(**connect_arguments(self._url))
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            await connection.add_listener(self._channel, lambda *args: self._on_notify(str(args[3])))
            self._note(None)
            self._on_notify("")
            while not lost.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await lost.wait()
                    break
                # A connection whose other side vanished without closing it would be listened to for ever.
                await connection.execute("SELECT 1", timeout=ANSWER_SECONDS)
        finally:
            with suppress(*FAILURES):
                await connection.close(timeout=1)
