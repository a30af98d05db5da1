"""Deliveries made again on request: the next attempt at once, or all of it anew, with the same `webhook-id`."""

from typing import Any

from sqlalchemy import select, text

from hub.actors import Actor
from hub.errors import Conflict
from hub.store import audit, delivery_queue
from hub.store.db.engine import Tx
from hub.store.delivery_lists import no_delivery
from hub.store.row_ids import possible
from hub.store.tables import Delivery, Endpoint, Event
from hub.webhooks import DeliveryState


async def retry_now(tx: Tx, actor: Actor, delivery_id: int, partner_id: int | None = None) -> None:
    """Make the next attempt of a delivery at once; one that failed gets all its attempts anew.

    Raises NotFound, and Conflict for one that was delivered, can't be sent any more, or whose endpoint is disabled.
    """
    row = await _lock(tx, delivery_id, partner_id)
    if row.state is DeliveryState.DELIVERED:
        raise Conflict(f"delivery {delivery_id} was delivered; replay it to send it again.")
    await _again(tx, actor, "delivery.retry", delivery_id, row)


async def replay_delivery(tx: Tx, actor: Actor, delivery_id: int, partner_id: int | None = None) -> None:
    """Send a delivery again, also one that was delivered. Raises NotFound, and Conflict as `retry_now`."""
    await _again(tx, actor, "delivery.replay", delivery_id, await _lock(tx, delivery_id, partner_id))


async def _lock(tx: Tx, delivery_id: int, partner_id: int | None) -> Any:
    mine = _STANDING.where(Delivery.id == possible(delivery_id))
    if partner_id is not None:
        mine = mine.where(Event.partner_id == partner_id)
    # The endpoint first, as everything that locks both.
    if (await tx.execute(mine.with_for_update(of=Endpoint, key_share=True))).first() is None:
        raise no_delivery(delivery_id)
    await tx.execute(select(Delivery.id).where(Delivery.id == delivery_id).with_for_update())
    return (await tx.execute(mine)).one()


_STANDING = (
    select(
        Delivery.state,
        Delivery.endpoint_id,
        Event.partner_id,
        Event.body.is_(None).label("erased"),
        Endpoint.deleted_at,
        Endpoint.disabled_at,
    )
    .join(Event, Event.id == Delivery.event_id)
    .join(Endpoint, Endpoint.id == Delivery.endpoint_id)
)


async def _again(tx: Tx, actor: Actor, action: str, delivery_id: int, row: Any) -> None:
    if row.erased:
        raise Conflict(f"delivery {delivery_id} can't be sent any more: whom it is about was erased.")
    if row.deleted_at is not None:
        raise Conflict(f"delivery {delivery_id} can't be sent any more: its endpoint was deleted.")
    if row.disabled_at is not None:
        raise Conflict(f"endpoint {row.endpoint_id} is disabled; enabling it sends all that waits for it.")
    await audit.record(tx, actor, action, delivery_id, partner_id=row.partner_id)
    await delivery_queue.renew(tx, [delivery_id])
    await attempt_first(tx, row.endpoint_id, delivery_id)


async def end_pause(tx: Tx, endpoint_id: int) -> None:
    """Attempts to the endpoint were paused after failures; the next one is made now."""
    await tx.execute(_END_PAUSE, {"endpoint_id": endpoint_id})


_END_PAUSE = text("UPDATE endpoint SET paused_until = NULL WHERE id = :endpoint_id AND paused_until IS NOT NULL")
_FIRST = text("""
    UPDATE delivery SET queued_at = (
        SELECT min(queued_at) FROM delivery
        WHERE endpoint_id = :endpoint_id AND state = 'pending' AND queued_at IS NOT NULL
    ) - interval '1 millisecond'
    WHERE id = :id AND queued_at IS NOT NULL
""")


async def attempt_first(tx: Tx, endpoint_id: int, delivery_id: int) -> None:
    """Let a queued delivery be the next that its endpoint gets, even if attempts to it are paused: somebody looks."""
    await end_pause(tx, endpoint_id)
    await tx.execute(_FIRST, {"endpoint_id": endpoint_id, "id": delivery_id})
