"""Concurrency that follows the latency it causes, so that background work leaves room for answers.

Additive increase, multiplicative decrease (RFC 5681's congestion control, applied to calls): while calls are quick, one
more may be under way for each full round; a slow one takes back a third, at most once a round.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Final

DECREASE: Final = 2 / 3


class AdaptiveLimit:
    """At most `most` calls at once, fewer while they take longer than `target` seconds, never less than `least`.

    For one event loop. What is slow for a reason of its own must not pass here: it would slow down all others.
    """

    def __init__(self, target: float, *, most: int, least: int = 1) -> None:
        self._target, self._most, self._least = target, most, least
        self._limit = float(least)
        self._under_way = 0
        self._settled_at = 0.0
        self._free = asyncio.Condition()

    @property
    def limit(self) -> int:
        """How many calls may be under way now."""
        return int(self._limit)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a place, hold it while the block runs, and learn from how long that took."""
        async with self._free:
            await self._free.wait_for(lambda: self._under_way < self.limit)
            self._under_way += 1
        began = perf_counter()
        try:
            yield
            self._learn(began, perf_counter())  # a failure tells nothing about the load
        finally:
            async with self._free:
                self._under_way -= 1
                self._free.notify(max(0, self.limit - self._under_way))

    def _learn(self, began: float, ended: float) -> None:
        if ended - began <= self._target:
            self._limit = min(self._most, self._limit + 1 / self._limit)
        elif began >= self._settled_at:  # what began before the last decrease tells nothing about it
            self._limit = max(self._least, self._limit * DECREASE)
            self._settled_at = ended
