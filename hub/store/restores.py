"""Whether this database is the one that the open calls were last compared with Temporal in.

A backup that is restored brings back calls that were made since. PostgreSQL starts anew, or the tables get new ids, or
the row of `deployment` is one that somebody else wrote: then no dialer gets an open call before it was compared.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from hub.store.db.engine import Tx
from hub.store.db.outbox import CALLS_CHANNEL

_CURRENT: Final = """concat_ws(' ', extract(epoch FROM pg_postmaster_start_time()),
    (SELECT oid FROM pg_database WHERE datname = current_database()), 'deployment'::regclass::oid)"""

# Whoever restores the data alone writes the row anew: then it is of another transaction than the one that it names.
_OURS: Final = "written_in IS NOT DISTINCT FROM deployment.xmin::text"
_WRITE: Final = "written_in = pg_current_xact_id()::xid::text"

CALL_IS_COMPARED: Final = f"""EXISTS (SELECT FROM deployment
    WHERE incarnation IS NULL OR incarnation = {_CURRENT} AND {_OURS}
    AND (compared_to IS NULL OR call.id <= compared_to OR call.placed_at > restarted_at))"""
"""A condition on a row of `call`: its dialer may have it."""

COMPARING_SINCE: Final = f"""(SELECT CASE WHEN incarnation <> {_CURRENT} THEN pg_postmaster_start_time()
    WHEN incarnation IS NOT NULL AND NOT ({_OURS}) THEN statement_timestamp()
    WHEN compared_to IS NOT NULL THEN restarted_at END FROM deployment)"""  # noqa: S608 - constants
"""Since when open calls are being compared, or are still to be; null when all are."""

_NOTICE = text(f"""
    UPDATE deployment SET {_WRITE}, incarnation = {_CURRENT}, restarted_at = clock_timestamp(), compared_to = 0,
           held_until = NULL
    WHERE incarnation IS DISTINCT FROM {_CURRENT} OR NOT ({_OURS})
""")  # noqa: S608 - constants
_HOLD = text(f"""
    UPDATE deployment SET held_until = clock_timestamp() + interval '15 seconds', {_WRITE}
    WHERE compared_to IS NOT NULL AND (held_until IS NULL OR held_until < clock_timestamp()) RETURNING compared_to
""")  # noqa: S608 - constants
_OPEN = text("""
    SELECT call.id, lead.id AS lead_id, workflow_token FROM call JOIN lead ON lead.id = lead_id
    WHERE ended_at IS NULL AND call.id > :after AND placed_at <= (SELECT restarted_at FROM deployment)
    ORDER BY call.id LIMIT :most
""")
# Not where the row was written by somebody else meanwhile: then all is to be compared again.
_COMPARED = text(f"""
    UPDATE deployment SET compared_to = :to, held_until = clock_timestamp() + interval '15 seconds', {_WRITE}
    WHERE {_OURS}
""")  # noqa: S608 - constants
_ALL_COMPARED = text(f"UPDATE deployment SET compared_to = NULL, held_until = NULL, {_WRITE} WHERE {_OURS}")  # noqa: S608 - constants
_WAKE_DIALERS = text("SELECT pg_notify(:channel, id::text) FROM dialer")


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call of before the restart, with its lead and the token of that one's workflow."""

    id: int
    lead_id: int
    token: str | None


async def begin_comparison(tx: Tx) -> int | None:
    """The call id up to which open calls are compared; None when all are, or another process is at it."""
    await tx.execute(_NOTICE)
    return (await tx.execute(_HOLD)).scalar()


async def open_calls(tx: Tx, after: int, most: int) -> list[OpenCall]:
    """The next `most` calls that are still to be compared, by id."""
    rows = await tx.execute(_OPEN, {"after": after, "most": most})
    return [OpenCall(row.id, row.lead_id, row.workflow_token) for row in rows]


async def record_compared(tx: Tx, to: int | None) -> None:
    """Calls up to this id (None: all) are compared: their dialers may have them."""
    await tx.execute(_ALL_COMPARED if to is None else _COMPARED, {} if to is None else {"to": to})
    await tx.execute(_WAKE_DIALERS, {"channel": CALLS_CHANNEL})
