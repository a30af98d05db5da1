"""Files of do-not-call numbers, put on their lists part by part."""

from background.loops import repeat
from hub.seal import Vault
from hub.store import suppression_imports
from hub.store.db.engine import Database

EVERY_SECONDS = 1.0


async def run_suppression_imports(database: Database, vault: Vault) -> None:
    """Until cancelled. Any number may run: each takes a part that no other has."""

    async def import_part() -> bool:
        async with database.begin() as tx:
            return await suppression_imports.import_part(tx, vault)

    await repeat("suppression imports", import_part, EVERY_SECONDS)
