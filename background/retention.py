"""What is due by the clock: submissions lose their bodies after a day, deliveries their attempts after thirty."""

import asyncio

import structlog

from hub.errors import DatabaseUnavailable
from hub.store import deliveries, submissions
from hub.store.db.engine import Database

log = structlog.get_logger()
EVERY_SECONDS = 60.0


async def run_retention(database: Database) -> None:
    """Until cancelled. Any number may run: each does what is left to do."""
    while True:
        try:
            async with database.begin() as tx:
                bodies = await submissions.purge_expired(tx)
                attempts = await deliveries.purge_expired(tx)
            if bodies or attempts:
                log.info("retention", bodies=bodies, attempts=attempts)
        except DatabaseUnavailable as error:
            log.warning("retention", failure=error.failure)
        await asyncio.sleep(EVERY_SECONDS)
