"""Worker processes say that they are at work, so that an operator sees which roles nobody works for."""

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from sqlalchemy import text

from hub.store.db.engine import Tx

FORGOTTEN_AFTER: Final = timedelta(days=1)

_ANNOUNCE = text("""
    WITH forgotten AS (
        DELETE FROM worker WHERE seen_at < statement_timestamp() - CAST(:age AS interval) AND id <> :id
    )
    INSERT INTO worker (id, roles, version, seen_at) VALUES (:id, :roles, :version, clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp()
""")


async def announce(tx: Tx, worker_id: str, roles: Collection[str], version: str) -> None:
    """The process with this id is at work now, for these roles. Those not seen for a day are forgotten."""
    row = {"id": worker_id, "roles": sorted(roles), "version": version, "age": FORGOTTEN_AFTER}
    await tx.execute(_ANNOUNCE, row)
