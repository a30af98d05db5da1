"""A worker process says every ten seconds that it is at work, and for which roles."""

import secrets
from collections.abc import Collection
from typing import Final

from background.loops import repeat
from hub.store import workers
from hub.store.db.engine import Database
from hub.temporal.roles import Role
from hub.version import VERSION

EVERY_SECONDS: Final = 10.0


async def run_announcement(database: Database, roles: Collection[Role]) -> None:
    """Until cancelled."""
    worker_id = secrets.token_hex(8)

    async def announce() -> None:
        async with database.begin() as tx:
            await workers.announce(tx, worker_id, roles, VERSION)

    await repeat("announcement", announce, EVERY_SECONDS)
