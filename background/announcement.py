"""A worker process says every ten seconds that it is at work, and for which roles."""

import asyncio
import secrets
from collections.abc import Collection
from typing import Final

import structlog

from hub.errors import DatabaseUnavailable
from hub.store import workers
from hub.store.db.engine import Database
from hub.temporal.roles import Role
from hub.version import VERSION

log = structlog.get_logger()
EVERY_SECONDS: Final = 10.0


async def run_announcement(database: Database, roles: Collection[Role]) -> None:
    """Until cancelled."""
    worker_id = secrets.token_hex(8)
    while True:
        try:
            async with database.begin() as tx:
                await workers.announce(tx, worker_id, roles, VERSION)
        except DatabaseUnavailable as error:
            log.warning("announcement", failure=error.failure)
        await asyncio.sleep(EVERY_SECONDS)
