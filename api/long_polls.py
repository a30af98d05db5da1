"""Long polls: who waits for a dialer's calls is woken the moment one is ready."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from hub.store.db.listen import Listener
from hub.store.db.outbox import CALLS_CHANNEL


class CallNotifier:
    def __init__(self, database_url: str) -> None:
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._listener = Listener(database_url, CALLS_CHANNEL, self._heard)

    def start(self) -> None:
        self._listener.start()

    async def stop(self) -> None:
        await self._listener.stop()

    def _heard(self, dialer_id: str) -> None:
        waiting = self._waiting[dialer_id] if dialer_id else set().union(*self._waiting.values())
        for event in waiting:
            event.set()

    @asynccontextmanager
    async def waiting(self, dialer_id: int) -> AsyncIterator[Callable[[float], Awaitable[bool]]]:
        """Hear of calls from now on: `await called(seconds)` tells whether one may have got ready in that time."""
        event = asyncio.Event()
        self._waiting[str(dialer_id)].add(event)

        async def called(seconds: float) -> bool:
            try:
                async with asyncio.timeout(seconds):
                    await event.wait()
            except TimeoutError:
                return False
            event.clear()
            return True

        try:
            yield called
        finally:
            self._waiting[str(dialer_id)].discard(event)
