"""Files of do-not-call numbers, put on their lists part by part."""

import asyncio

import structlog

from hub.seal import Vault
from hub.store import suppression_imports
from hub.store.db.engine import Database

log = structlog.get_logger()
EVERY_SECONDS = 1.0
PAUSE_SECONDS = 0.05  # between two parts, so that other work has as long as they take


async def run_suppression_imports(database: Database, vault: Vault) -> None:
    """Until cancelled. Any number may run: each takes a part that no other has."""
    while True:
        more = False
        try:
            async with database.begin() as tx:
                more = await suppression_imports.import_part(tx, vault)
        except Exception as error:  # noqa: BLE001 - what fails now is done later; the loop never ends
            log.warning("suppression imports", failure=getattr(error, "failure", type(error).__name__))
        await asyncio.sleep(PAUSE_SECONDS if more else EVERY_SECONDS)
