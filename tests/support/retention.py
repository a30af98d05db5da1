"""What a worker does about rows' ages, at once: its own next look may be a minute away."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from background.retention import run_retention
from hub.settings import Settings
from hub.store.db.engine import Database
from tests.support.dialing import eventually


async def retain_until(settings: Settings, done: Callable[[], bool]) -> None:
    """Run retention until `done()` is true."""
    database = Database(settings.database_url, 2)
    task = asyncio.create_task(run_retention(database, settings))
    try:
        await asyncio.to_thread(eventually, done)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await database.close()
