"""What a commit owes to Temporal, as rows of that commit. Relays are woken by NOTIFY, or find them by themselves."""

from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from hub.store.db.engine import Tx
from hub.store.tables import Outbox

CHANNEL = "hub_outbox"
CALLS_CHANNEL = "hub_calls"


class Kind(StrEnum):
    """What the row's `ref` asks for."""

    WAKE_LEAD = "wake_lead"
    DELIVER = "deliver"


async def put(tx: Tx, kind: Kind, refs: Sequence[int]) -> None:
    """Owe `kind` for each of `refs` from this transaction's commit on."""
    if refs:
        await tx.execute(insert(Outbox), [{"kind": kind, "ref": ref} for ref in refs])
        await notify(tx, CHANNEL, kind)


async def notify(tx: Tx, channel: str, payload: str) -> None:
    await tx.execute(select(func.pg_notify(channel, payload)))


async def claim_due(tx: Tx, kinds: Sequence[Kind], most: int) -> list[tuple[int, Kind, int]]:
    """Lock up to `most` due rows (id, kind, ref), oldest first, that no other relay holds."""
    due = (
        select(Outbox.id, Outbox.kind, Outbox.ref)
        .where(Outbox.kind.in_(kinds), Outbox.due_at <= func.clock_timestamp())
        .order_by(Outbox.due_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return [(row.id, Kind(row.kind), row.ref) for row in await tx.execute(due)]


async def done(tx: Tx, ids: Sequence[int]) -> None:
    await tx.execute(delete(Outbox).where(Outbox.id.in_(ids)))


async def postpone(tx: Tx, ids: Sequence[int], seconds: float) -> None:
    """Leave `ids` for a later try: Temporal did not take them now."""
    late = text("UPDATE outbox SET due_at = clock_timestamp() + make_interval(secs => :s) WHERE id = ANY(:ids)")
    await tx.execute(late, {"s": seconds, "ids": list(ids)})
