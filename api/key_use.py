"""When keys were last used: noted for requests that passed every check, and written beside them, never before one."""

import asyncio
from collections.abc import Callable
from time import monotonic

import structlog

from hub.errors import DatabaseUnavailable
from hub.store.db.engine import Database
from hub.store.keys import record_uses

log = structlog.get_logger()
PRECISION_SECONDS = 60.0  # a key in use all the time is written once a minute
GATHER_SECONDS = 0.5
REMEMBERED_KEYS = 10_000


class KeyUse:
    """One process's notes: gathered for half a second, then written in one statement."""

    def __init__(self, database: Database, now: Callable[[], float] = monotonic) -> None:
        self._database, self._now = database, now
        self._noted: dict[str, float] = {}
        self._pending: set[str] = set()
        self._writing: asyncio.Task[None] | None = None

    def note(self, key_id: str) -> None:
        """Returns at once; only call this within a running loop."""
        now = self._now()
        if now - self._noted.get(key_id, -PRECISION_SECONDS) < PRECISION_SECONDS:
            return
        if len(self._noted) >= REMEMBERED_KEYS:
            self._noted.clear()
        self._noted[key_id] = now
        self._pending.add(key_id)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(), name="key use")

    async def close(self) -> None:
        """Write what is noted."""
        if self._writing is not None:
            await self._writing

    async def _write(self) -> None:
        while self._pending:
            await asyncio.sleep(GATHER_SECONDS)
            used, self._pending = self._pending, set()
            try:
                async with self._database.begin() as tx:
                    await record_uses(tx, sorted(used))
            except DatabaseUnavailable as error:  # the next use, in a minute, is written again
                log.warning("key use", failure=error.failure)
