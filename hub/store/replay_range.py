"""The events of a replay: counted, and handed to delivery step by step; the cursor moves in the same transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from hub.replays import ReplayState
from hub.store import delivery_queue
from hub.store.db.engine import Tx
from hub.store.tables import Delivery, Endpoint, Event, Replay
from hub.webhooks import DeliveryState

STEP: Final = timedelta(seconds=1)
MOST_QUEUED_STEPS: Final = 2
_FAILED_ONCE: Final = Delivery.attempts > Delivery.earlier_attempts


@dataclass(frozen=True, slots=True)
class ReplayProgress:
    """How a replay stands after a step. `wait`: until the next; None: not before it is resumed, or never."""

    state: ReplayState
    total: int
    replayed: int
    wait: timedelta | None


async def count(tx: Tx, wanted: Mapping[str, Any]) -> int:
    """How many events there are for a replay with these columns."""
    endpoint = await _endpoint(tx, wanted["endpoint_id"])
    events = select(func.count()).select_from(Event)
    found: int = (await tx.execute(_of_range(events, endpoint, **wanted))).scalar_one()
    return found


async def _endpoint(tx: Tx, endpoint_id: int) -> Any:
    paused_for = func.greatest(Endpoint.paused_until - func.clock_timestamp(), timedelta(0)).label("paused_for")
    columns = select(Endpoint.types, Endpoint.campaign_id, Endpoint.deleted_at, paused_for)
    return (await tx.execute(columns.where(Endpoint.id == endpoint_id))).one()


def _of_range(
    events: Select[*tuple[Any, ...]],
    endpoint: Any,
    *,
    endpoint_id: int,
    partner_id: int,
    types: Sequence[str],
    since: datetime,
    until: datetime,
    undelivered: bool,
) -> Select[*tuple[Any, ...]]:
    """`events` of the range, each with its delivery to the endpoint, if there is one; without those that were erased.

    What is about to be attempted is left out.
    """
    found: list[ColumnElement[bool]] = [
        Event.partner_id == partner_id,
        Event.created_at >= since,
        Event.created_at < until,
        Event.body.is_not(None),
    ]
    if types:
        found.append(Event.type.in_(types))
    retried = (Delivery.state == DeliveryState.PENDING) & _FAILED_ONCE
    if undelivered:
        found.append(or_(Delivery.state.in_([DeliveryState.FAILED, DeliveryState.WAITING]), retried))
    else:
        # Also what it never got, if it takes such events: from before it was created, or took them.
        takes = Event.campaign_id.is_not_distinct_from(endpoint.campaign_id) & (Event.type != "endpoint.test")
        if endpoint.types and endpoint.campaign_id is None:
            takes &= Event.type.in_(endpoint.types)
        had = Delivery.state != DeliveryState.PENDING
        found.append(or_(Delivery.id.is_(None) & takes, had, retried))
    mine = (Delivery.event_id == Event.id) & (Delivery.endpoint_id == endpoint_id)
    return events.outerjoin(Delivery, mine).where(*found)


async def replay_step(tx: Tx, replay_id: int) -> ReplayProgress:
    """Hand the next events to delivery, as many as its pace allows in STEP; returns how the replay stands.

    It waits while attempts to its endpoint are paused, and while the endpoint's queue is longer than a few steps.
    """
    replay = (await tx.execute(select(Replay).where(Replay.id == replay_id).with_for_update())).one()
    endpoint = await _endpoint(tx, replay.endpoint_id)
    if replay.state is not ReplayState.RUNNING:
        return _progress(replay, None)
    if endpoint.deleted_at is not None:
        return await _move(tx, replay, state=ReplayState.CANCELLED, why="its endpoint was deleted")
    if endpoint.paused_for:
        return _progress(replay, max(endpoint.paused_for, STEP))
    if await _queued(tx, replay.endpoint_id, replay.pace * MOST_QUEUED_STEPS) >= replay.pace * MOST_QUEUED_STEPS:
        return _progress(replay, STEP)
    events = await _next_events(tx, replay, endpoint)
    replayed = await _deliver(tx, replay, events)
    moved: dict[str, Any] = {"replayed": replay.replayed + replayed}
    if events:
        moved |= {"cursor_at": events[-1].created_at, "cursor_id": events[-1].id}
    if len(events) < replay.pace:
        moved["state"] = ReplayState.DONE
    return await _move(tx, replay, **moved)


async def _queued(tx: Tx, endpoint_id: int, most: int) -> int:
    """How many deliveries wait for an attempt to the endpoint; counts up to `most`."""
    pending = Delivery.endpoint_id == endpoint_id, Delivery.state == DeliveryState.PENDING
    some = select(Delivery.id).where(*pending, Delivery.queued_at.is_not(None)).limit(most).subquery()
    return (await tx.execute(select(func.count()).select_from(some))).scalar_one()


async def _next_events(tx: Tx, replay: Any, endpoint: Any) -> Sequence[Any]:
    columns = select(Event.id, Event.created_at, Delivery.id.label("delivery_id"))
    names = ("endpoint_id", "partner_id", "types", "since", "until", "undelivered")
    wanted = _of_range(columns, endpoint, **{name: getattr(replay, name) for name in names})
    if replay.cursor_id is not None:
        wanted = wanted.where(tuple_(Event.created_at, Event.id) > tuple_(replay.cursor_at, replay.cursor_id))
    return (await tx.execute(wanted.order_by(Event.created_at, Event.id).limit(replay.pace))).all()


async def _deliver(tx: Tx, replay: Any, events: Sequence[Any]) -> int:
    """Renew the deliveries that there are and make the others; returns how many."""
    delivery_ids = [event.delivery_id for event in events if event.delivery_id is not None]
    missing = [event.id for event in events if event.delivery_id is None]
    if missing:
        made = insert(Delivery).on_conflict_do_nothing().returning(Delivery.id)
        rows = [{"event_id": event_id, "endpoint_id": replay.endpoint_id} for event_id in missing]
        delivery_ids += (await tx.execute(made, rows)).scalars().all()
    return len(await delivery_queue.renew(tx, delivery_ids, replay.id))


async def _move(tx: Tx, replay: Any, **changes: Any) -> ReplayProgress:
    now = func.clock_timestamp()
    state = changes.get("state", replay.state)
    changes |= {"moved_at": now, "ended_at": None if state.open else now}
    moved = update(Replay).where(Replay.id == replay.id).values(changes).returning(Replay)
    return _progress((await tx.execute(moved)).one(), STEP if state is ReplayState.RUNNING else None)


def _progress(replay: Any, wait: timedelta | None) -> ReplayProgress:
    return ReplayProgress(replay.state, replay.total, replay.replayed, wait)
