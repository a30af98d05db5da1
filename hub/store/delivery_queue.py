"""Which deliveries wait for the dispatcher: queued again, held while their endpoint is disabled, resumed, given up.

Everything is done in batches, so that an endpoint with 100,000 deliveries locks nothing for long; what is left is done
by the webhook workers' upkeep.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import TextClause, text, update

from hub.store.db import outbox
from hub.store.db.engine import Tx
from hub.store.tables import Endpoint

BATCH: Final = 500

_RENEW = text("""
    UPDATE delivery
    SET state = CASE WHEN disabled_at IS NULL THEN 'pending' ELSE 'waiting' END,
        queued_at = CASE WHEN disabled_at IS NULL THEN coalesce(queued_at, clock_timestamp()) END,
        earlier_attempts = CASE WHEN ended THEN attempts ELSE earlier_attempts END,
        workflow_token = CASE WHEN ended THEN substr(md5(random()::text), 1, 8) ELSE workflow_token END,
        next_at = NULL, why = NULL, replay_id = coalesce(CAST(:replay_id AS bigint), replay_id)
    FROM (
        SELECT delivery.id, disabled_at, state IN ('delivered', 'failed') AS ended
        FROM delivery JOIN endpoint ON endpoint.id = endpoint_id JOIN event ON event.id = event_id
        WHERE delivery.id = ANY(:ids) AND deleted_at IS NULL AND body IS NOT NULL
        FOR UPDATE OF delivery
    ) AS renewed
    WHERE delivery.id = renewed.id RETURNING delivery.id
""")


async def renew(tx: Tx, delivery_ids: Sequence[int], replay_id: int | None = None) -> list[int]:
    """Have deliveries in any state attempted as soon as their endpoint may be; returns which.

    What had ended begins anew, with all its attempts; what is pending has its next attempt now. Those of a disabled
    endpoint wait until it is enabled. Left out: those of a deleted endpoint, and those whose subject was erased.
    """
    renewed = list((await tx.execute(_RENEW, {"ids": list(delivery_ids), "replay_id": replay_id})).scalars())
    if renewed:
        await outbox.notify(tx, outbox.ATTEMPT)
    return renewed


_TAKE_OVER = text("""
    UPDATE delivery SET queued_at = coalesce(queued_at, clock_timestamp()),
           workflow_token = substr(md5(random()::text), 1, 8)
    WHERE id = :id AND state = 'pending'
""")


async def take_over(tx: Tx, delivery_id: int) -> None:
    """Put a pending delivery into the queue, and part it from its workflow, which ends: a later one has another id."""
    await tx.execute(_TAKE_OVER, {"id": delivery_id})
    await outbox.notify(tx, outbox.ATTEMPT)


# Far more than a paused endpoint has of them: what failed before its pause, and one for each of its tries since.
_RECOVERED = text("""
    UPDATE delivery SET queued_at = clock_timestamp() FROM (
        SELECT id FROM delivery WHERE endpoint_id = ANY(:endpoints) AND state = 'pending' AND queued_at IS NULL
          AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
        ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
    ) AS failed WHERE delivery.id = failed.id
""")


async def take_over_failed(tx: Tx, endpoint_ids: Sequence[int]) -> None:
    """Endpoints have recovered: what failed meanwhile does not wait for its next attempt's time.

    Its workflows stay, and find it delivered or waiting for a later time.
    """
    await tx.execute(_RECOVERED, {"endpoints": list(endpoint_ids), "most": 4 * BATCH})


_BATCH = """
    UPDATE delivery SET {change} FROM (
        SELECT found.id FROM endpoint CROSS JOIN LATERAL (
            SELECT id FROM delivery WHERE endpoint_id = endpoint.id AND {which}
            ORDER BY {order} LIMIT :most FOR UPDATE SKIP LOCKED
        ) AS found WHERE {whose} ORDER BY found.id LIMIT :most
    ) AS found WHERE delivery.id = found.id
"""
_WAITING = {"which": "state = 'waiting' AND queued_at IS NULL", "order": "id"}
_RESUMED = """
    state = 'pending', queued_at = clock_timestamp(), next_at = NULL, workflow_token = substr(md5(random()::text), 1, 8)
"""
"""A new token: the workflow of the old one ends when it finds that its delivery waits."""

_RESUME = text(_BATCH.format(change=_RESUMED, whose="endpoint.id = :endpoint_id", **_WAITING))


async def resume(tx: Tx, endpoint_id: int) -> int:
    """Go on with deliveries of an endpoint that is enabled again; returns how many are queued now, the rest follow.

    Attempts begin one at a time, and twice as many after each success.
    """
    await tx.execute(update(Endpoint).where(Endpoint.id == endpoint_id).values(places=1, failures=0, paused_until=None))
    resumed = int((await tx.execute(_RESUME, {"endpoint_id": endpoint_id, "most": BATCH})).rowcount)
    await outbox.notify(tx, outbox.ATTEMPT)
    return resumed


_UNCLAIMED = "state = 'pending' AND (claimed_until IS NULL OR claimed_until < clock_timestamp())"
# Found by two indexes: those in the queue, and those that a workflow sees to.
_PENDING = (
    {"which": f"{_UNCLAIMED} AND queued_at IS NOT NULL", "order": "queued_at"},
    {"which": f"{_UNCLAIMED} AND queued_at IS NULL", "order": "id"},
)
_HELD = {
    "change": "state = 'waiting', queued_at = NULL, next_at = NULL",
    "whose": "disabled_at IS NOT NULL AND deleted_at IS NULL",
}
_GIVEN_UP = {
    "change": "state = 'failed', queued_at = NULL, next_at = NULL, why = 'its endpoint was deleted'",
    "whose": "deleted_at IS NOT NULL",
}
_ENABLED = {"change": _RESUMED, "whose": "disabled_at IS NULL AND deleted_at IS NULL"}
_SETTLE: Final[dict[str, list[TextClause]]] = {
    "resumed": [text(_BATCH.format(**_ENABLED, **_WAITING))],
    "held": [text(_BATCH.format(**_HELD, **found)) for found in _PENDING],
    "given_up": [text(_BATCH.format(**_GIVEN_UP, **found)) for found in (*_PENDING, _WAITING)],
}


SETTLED: Final = tuple(_SETTLE)


async def settle(tx: Tx, what: str) -> int:
    """One batch of what follows from endpoints being enabled (`resumed`), disabled (`held`), deleted (`given_up`).

    Returns how many: 0 when none is left.
    """
    changed = 0
    for statement in _SETTLE[what]:
        changed += int((await tx.execute(statement, {"most": BATCH})).rowcount)
    if what == "resumed" and changed:
        await outbox.notify(tx, outbox.ATTEMPT)
    return changed
