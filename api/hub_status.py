"""How the hub is doing, as this process last looked: for `/readyz` and `/metrics`, which may be asked every second."""

import asyncio
from time import monotonic
from typing import Final

import structlog

from hub.errors import DatabaseUnavailable
from hub.status import HubStatus
from hub.store import status
from hub.store.db.engine import Database

log = structlog.get_logger()
KEPT_SECONDS: Final = 5.0


class StatusCache:
    """One look at the database in five seconds, however often and by however many at once it is asked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looking = asyncio.Lock()
        self._until = 0.0
        self._found: HubStatus | None = None

    async def get(self) -> HubStatus | None:
        """What was found at most five seconds ago; None while the database does not answer."""
        async with self._looking:
            if monotonic() >= self._until:
                self._found = await self._look()
                self._until = monotonic() + KEPT_SECONDS
            return self._found

    async def _look(self) -> HubStatus | None:
        try:
            async with self._database.begin() as tx:
                return await status.load(tx)
        except DatabaseUnavailable as error:
            log.warning("status", failure=error.failure)
            return None
