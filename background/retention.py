"""What is due by the clock: hours of requests are counted, submissions lose their bodies after a day, rows are deleted
at the settings' ages.
"""

import asyncio

import structlog

from background.loops import PAUSE_SECONDS, repeat
from hub.settings import Settings
from hub.store import discounts, request_counts
from hub.store.db.engine import Database
from hub.store.retention import BATCH, Aged, Ages, purge

log = structlog.get_logger()
EVERY_SECONDS = 60.0


async def run_retention(database: Database, settings: Settings) -> None:
    """Until cancelled. Any number may run: each does what is left to do."""
    ages = Ages(settings.keep_submissions, settings.keep_events, settings.keep_attempts)

    async def look() -> None:
        await _count_hours(database)
        deleted = {what.value: await _purge_all(database, what, ages) for what in Aged}
        async with database.begin() as tx:
            deleted["unconfirmed"] = await discounts.purge_unconfirmed(tx)
        if any(deleted.values()):
            log.info("retention", **deleted)

    await repeat("retention", look, EVERY_SECONDS)


async def _count_hours(database: Database) -> None:
    """Hour by hour, each a transaction of its own."""
    more = True
    while more:
        async with database.begin() as tx:
            more = await request_counts.count_hour(tx)


async def _purge_all(database: Database, what: Aged, ages: Ages) -> int:
    """Batch by batch, each a transaction of its own; returns how many in all."""
    total = 0
    while True:
        async with database.begin() as tx:
            deleted = await purge(tx, what, ages.of(what))
        total += deleted
        if deleted < BATCH:
            return total
        await asyncio.sleep(PAUSE_SECONDS)
