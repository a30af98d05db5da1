"""Claims of deliveries for one attempt each: how many may be under way is counted here, over all processes.

An endpoint has so many places, a partner a share that is smaller the fewer are free; a delivery whose endpoint has none
stays in the queue, and costs no worker anything. Nothing here waits for a lock that an attempt holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import text

from hub.seal import Vault
from hub.store import deliveries, delivery_queue
from hub.store.db.engine import Tx
from hub.store.deliveries import OutgoingWebhook
from hub.webhooks import PAUSED_AFTER, DeliveryState

CLAIMED_FOR: Final = timedelta(seconds=30)
"""Twice an attempt's longest time: what a killed process had claimed is claimed again after this."""

PARTNER_PLACES: Final = 128
"""Attempts of one partner under way; beyond half of them an endpoint gets no second one."""

PROCESS_PLACES: Final = 400
"""Attempts that one process has under way, from the queue."""

RETRY_PLACES: Final = 256
"""Attempts under way, of all partners, beyond which a workflow makes none: its delivery goes into the queue."""

# A partner's share of all places: a quarter while all are unused, and smaller by the square of how many are.
_SHARE: Final = "(unused * unused + 4 * CAST(:{places} AS bigint) - 1) / (4 * CAST(:{places} AS bigint))"

# Only endpoints with something in the queue, found by skipping from one to the next in its index: most deliveries of an
# endpoint that is paused are never looked at.
_LOCK_ENDPOINTS = text("""
    WITH RECURSIVE queue AS (
        (SELECT endpoint_id FROM delivery WHERE state = 'pending' AND queued_at IS NOT NULL
         ORDER BY endpoint_id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT later.endpoint_id FROM delivery AS later
            WHERE state = 'pending' AND queued_at IS NOT NULL AND later.endpoint_id > queue.endpoint_id
            ORDER BY later.endpoint_id LIMIT 1
        ) FROM queue WHERE queue.endpoint_id IS NOT NULL
    ), ready AS (
        SELECT id FROM queue JOIN endpoint ON id = endpoint_id
        WHERE disabled_at IS NULL AND deleted_at IS NULL
          AND (paused_until IS NULL OR paused_until <= statement_timestamp())
    ), locked AS (
        SELECT id FROM endpoint WHERE id IN (SELECT id FROM ready) FOR NO KEY UPDATE SKIP LOCKED
    )
    SELECT ready.id, locked.id IS NOT NULL AS locked FROM ready LEFT JOIN locked USING (id)
""")
_BUSY = """
    busy AS (
        SELECT endpoint_id, count(*) AS places FROM delivery WHERE claimed_until > statement_timestamp()
        GROUP BY endpoint_id
    ), partner_busy AS (
        SELECT partner_id, sum(busy.places) AS places FROM busy JOIN endpoint ON id = endpoint_id GROUP BY partner_id
    )
"""
_CLAIM = text(f"""
    WITH {_BUSY}, candidate AS (
        SELECT found.id, partner_id, queued_at, coalesce(busy.places, 0) + nth AS place
        FROM endpoint LEFT JOIN busy ON endpoint_id = endpoint.id CROSS JOIN LATERAL (
            SELECT id, queued_at, row_number() OVER (ORDER BY queued_at) AS nth FROM (
                SELECT id, queued_at FROM delivery
                WHERE endpoint_id = endpoint.id AND state = 'pending' AND queued_at IS NOT NULL
                  AND (claimed_until IS NULL OR claimed_until <= statement_timestamp())
                ORDER BY queued_at
                LIMIT greatest(0, CASE WHEN failures < :paused_after THEN endpoint.places ELSE 1 END
                                  - coalesce(busy.places, 0))
                FOR UPDATE SKIP LOCKED
            ) AS first
        ) AS found WHERE endpoint.id = ANY(:endpoints)
    ), turn AS (
        SELECT candidate.id, place, coalesce(partner_busy.places, 0)
               + row_number() OVER (PARTITION BY partner_id ORDER BY place, queued_at) AS number
        FROM candidate LEFT JOIN partner_busy USING (partner_id)
    ), permitted AS (
        SELECT id, number, greatest(0, CAST(:free AS bigint) + 1 - row_number() OVER (ORDER BY number, place)) AS unused
        FROM turn WHERE number <= CASE WHEN place = 1 THEN :partner_places ELSE :partner_places / 2 END
    ), chosen AS (
        SELECT id FROM permitted WHERE number <= {_SHARE.format(places="process_places")}
    )
    UPDATE delivery SET claimed_until = clock_timestamp() + CAST(:claimed_for AS interval)
    FROM chosen WHERE delivery.id = chosen.id RETURNING delivery.id
""")  # noqa: S608 - constants
_LIMITS: Final = {
    "paused_after": PAUSED_AFTER,
    "partner_places": PARTNER_PLACES,
    "process_places": PROCESS_PLACES,
    "retry_places": RETRY_PLACES,
    "claimed_for": CLAIMED_FOR,
}


@dataclass(frozen=True, slots=True)
class Claimed:
    """`more`: there may be more at once, as another process was at some endpoints."""

    webhooks: Sequence[OutgoingWebhook]
    more: bool


async def claim(tx: Tx, vault: Vault, free: int) -> Claimed:
    """Claim deliveries from the queue for this process's `free` places: each partner and endpoint in turn, first queued
    first. A partner's share, with what it has in all processes, is smaller the fewer are free: others find some.
    """
    rows = (await tx.execute(_LOCK_ENDPOINTS)).all()
    endpoints = [row.id for row in rows if row.locked]
    if not endpoints:
        return Claimed([], more=bool(rows))
    found = await tx.execute(_CLAIM, _LIMITS | {"endpoints": endpoints, "free": free})
    ids = list(found.scalars())
    webhooks = await deliveries.load(tx, vault, ids)
    return Claimed(webhooks, more=len(endpoints) < len(rows) or len(webhooks) < len(ids))


@dataclass(frozen=True, slots=True)
class NotNow:
    """Why a workflow's attempt was not made, and when the workflow looks again; None: it is no longer its own."""

    why: str
    wait: timedelta | None = None


_STANDING = text("""
    SELECT state, queued_at, endpoint_id,
           claimed_until - clock_timestamp() AS claimed, next_at - clock_timestamp() AS early
    FROM delivery WHERE id = :id
""")
_FREE = text(f"""
    WITH {_BUSY}, unclaimed AS (
        SELECT greatest(0, CAST(:retry_places AS bigint) - coalesce(sum(places), 0)::bigint) AS unused FROM busy
    )
    SELECT disabled_at IS NULL AND deleted_at IS NULL AS live,
           (paused_until IS NULL OR paused_until <= statement_timestamp())
           AND coalesce(busy.places, 0) < CASE WHEN failures < :paused_after THEN endpoint.places ELSE 1 END
           AND coalesce(partner_busy.places, 0) < least(
               CASE WHEN busy.places IS NULL THEN :partner_places ELSE :partner_places / 2 END,
               {_SHARE.format(places="retry_places")}
           ) AS free
    FROM endpoint LEFT JOIN busy ON endpoint_id = endpoint.id LEFT JOIN partner_busy USING (partner_id), unclaimed
    WHERE endpoint.id = :id
""")  # noqa: S608 - constants
_LOCK = text("SELECT FROM endpoint WHERE id = :id FOR NO KEY UPDATE")
_CLAIM_ONE = text("""
    UPDATE delivery SET claimed_until = clock_timestamp() + CAST(:claimed_for AS interval)
    WHERE id = :id AND state = 'pending' AND queued_at IS NULL
      AND (claimed_until IS NULL OR claimed_until <= clock_timestamp()) RETURNING id
""")
_SOON: Final = timedelta(seconds=1)


async def claim_due(tx: Tx, vault: Vault, delivery_id: int) -> OutgoingWebhook | NotNow:
    """Claim a delivery for the attempt that its workflow is to make now.

    Where its endpoint is paused or has no place free, it goes into the queue, and leaves its workflow.
    """
    row = (await tx.execute(_STANDING, {"id": delivery_id})).first()
    if row is None or row.state != DeliveryState.PENDING:
        return NotNow(_ended(row))
    if row.queued_at is not None:
        return await _left_to_queue(tx, delivery_id)
    for wait in (row.claimed, row.early):
        if wait is not None and wait > _SOON:
            return NotNow("not yet due", wait)
    await tx.execute(_LOCK, {"id": row.endpoint_id})
    # A statement of its own after the lock: it sees what whoever held the lock has claimed.
    endpoint = (await tx.execute(_FREE, _LIMITS | {"id": row.endpoint_id})).one()
    if not endpoint.live or not endpoint.free:
        return await _left_to_queue(tx, delivery_id)
    if (await tx.execute(_CLAIM_ONE, _LIMITS | {"id": delivery_id})).first() is None:
        return NotNow("another attempt is under way", CLAIMED_FOR)
    webhooks = await deliveries.load(tx, vault, [delivery_id])
    return webhooks[0] if webhooks else NotNow("failed: it can't be sent")


def _ended(row: Any) -> str:
    return "deleted" if row is None else f"{row.state}: nothing to deliver any more"


async def _left_to_queue(tx: Tx, delivery_id: int) -> NotNow:
    await delivery_queue.take_over(tx, delivery_id)
    return NotNow("queued: it is sent as soon as its endpoint may have it")


_RELEASE = text("UPDATE delivery SET claimed_until = NULL WHERE id = ANY(:ids) AND state = 'pending'")


async def release(tx: Tx, delivery_ids: Sequence[int]) -> None:
    """Give claims back whose attempts were broken off."""
    await tx.execute(_RELEASE, {"ids": list(delivery_ids)})
