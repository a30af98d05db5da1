"""What is due with calls by the clock: lost leases are settled, and leads woken whose partner may have calls again."""

from functools import partial

import structlog

from background.loops import repeat
from hub.seal import Vault
from hub.store import holds, lost_leases
from hub.store.db.engine import Database

log = structlog.get_logger()
EVERY_SECONDS = 1.0


async def run_call_upkeep(database: Database, vault: Vault) -> None:
    """Until cancelled. Any number may run: each does what no other is at."""
    await repeat("call upkeep", partial(_look, database, vault), EVERY_SECONDS)


async def _look(database: Database, vault: Vault) -> None:
    """Each step in a transaction of its own, as they lock leads and calls in different orders."""
    async with database.begin() as tx:
        await lost_leases.return_calls(tx)
    async with database.begin() as tx:
        settled = await lost_leases.settle(tx, vault)
    async with database.begin() as tx:
        taken_back = await holds.take_back_disabled(tx)
    async with database.begin() as tx:
        woken = await holds.wake(tx)
    if settled or taken_back or woken:
        log.info("call upkeep", settled=settled, taken_back=taken_back, woken=woken)
