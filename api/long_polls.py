"""Long polls: requests that wait for a dialer's calls are woken as soon as one is ready."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from hub.store.db.listen import Listener
from hub.store.db.outbox import CALLS_CHANNEL


class CallNotifier:
    """Distributes the database's notifications about ready calls to the requests of this process."""

    def __init__(self, database_url: str) -> None:
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._listener = Listener(database_url, CALLS_CHANNEL, self._on_notify)

    def start(self) -> None:
        self._listener.start()

    async def stop(self) -> None:
        await self._listener.stop()

    def _on_notify(self, dialer_id: str) -> None:
        waiting = self._waiting[dialer_id] if dialer_id else set().union(*self._waiting.values())
        for event in waiting:
            event.set()

    @asynccontextmanager
    async def subscribe(self, dialer_id: int) -> AsyncIterator[Callable[[float], Awaitable[bool]]]:
        """Subscribe to a dialer's calls: `await call_ready(seconds)` is True as soon as one may be ready.

        What became ready between two awaits is reported by the second; False after `seconds` without any.
        """
        event = asyncio.Event()
        self._waiting[str(dialer_id)].add(event)

        async def call_ready(seconds: float) -> bool:
            try:
                async with asyncio.timeout(seconds):
                    await event.wait()
            except TimeoutError:
                return False
            event.clear()
            return True

        try:
            yield call_ready
        finally:
            self._waiting[str(dialer_id)].discard(event)
