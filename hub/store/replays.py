"""Replays of a range of events to one endpoint: created, counted, listed, paused, resumed, cancelled."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from hub.actors import Actor
from hub.errors import Conflict, Invalid, NotFound
from hub.replays import DEFAULT_PACE, MOST_PACE, ReplayState
from hub.store import audit, replay_range, retries
from hub.store.db import outbox
from hub.store.db.engine import Tx
from hub.store.endpoints import checked_types, live_endpoint, no_endpoint
from hub.store.paging import Page, PageWanted, page_of
from hub.store.row_ids import possible
from hub.store.tables import Delivery, Endpoint, Replay
from hub.webhooks import DeliveryState

LATE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """Which events: `since` <= recorded < `until` (aware; None: now), of these `types` (none: all the endpoint takes).

    `failed_only`: only deliveries that were attempted without success, or wait; otherwise also what was delivered, and
    events that the endpoint never got. `pace`: at most so many a second.
    """

    endpoint_id: int
    since: datetime
    until: datetime | None = None
    types: Sequence[str] = ()
    failed_only: bool = False
    pace: int = DEFAULT_PACE


@dataclass(frozen=True, slots=True)
class ReplaySummary:
    """One replay. `total`: found when it was created; `replayed`: handed to delivery so far; `undelivered`: of those,
    which have not arrived.
    """

    id: int
    endpoint_id: int
    partner_id: int
    state: ReplayState
    why: str | None
    total: int
    replayed: int
    undelivered: int
    pace: int
    types: Sequence[str]
    since: datetime
    until: datetime
    failed_only: bool
    created_at: datetime
    ended_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        """By the names of the fields."""
        return asdict(self)


async def count_replay(tx: Tx, wanted: ReplayRequest, partner_id: int | None = None) -> int:
    """How many deliveries such a replay would make. Raises as `create_replay`."""
    checked = await _checked(tx, wanted, partner_id)
    return await replay_range.count(tx, checked)


async def create_replay(tx: Tx, actor: Actor, wanted: ReplayRequest, partner_id: int | None = None) -> ReplaySummary:
    """Replay a range, from this transaction's commit on.

    Raises Invalid, NotFound for no endpoint of that id, Conflict while another replay to it is not at its end.
    """
    checked = await _checked(tx, wanted, partner_id)
    if (open_id := (await tx.execute(_OPEN.where(Replay.endpoint_id == wanted.endpoint_id))).scalar()) is not None:
        raise Conflict(f"replay {open_id} to endpoint {wanted.endpoint_id} is not at its end; cancel it first.")
    values = checked | {"total": await replay_range.count(tx, checked), "pace": wanted.pace}
    replay_id = (await tx.execute(insert(Replay).values(values).returning(Replay.id))).scalar_one()
    details = {"endpoint_id": wanted.endpoint_id, "total": values["total"], "undelivered": wanted.failed_only}
    await audit.record(tx, actor, "replay.create", replay_id, partner_id=checked["partner_id"], **details)
    await retries.end_pause(tx, wanted.endpoint_id)
    await outbox.put(tx, outbox.Kind.REPLAY, [replay_id])
    return await show_replay(tx, replay_id)


_OPEN = select(Replay.id).where(Replay.state.in_([ReplayState.RUNNING, ReplayState.PAUSED]))


async def _checked(tx: Tx, wanted: ReplayRequest, partner_id: int | None) -> dict[str, Any]:
    """The replay's columns that say which events; the endpoint is locked, so that two requests can't make two."""
    types = checked_types(wanted.types)
    if not 1 <= wanted.pace <= MOST_PACE:
        raise Invalid(f"must be from 1 to {MOST_PACE} a second.", field="pace")
    mine = select(Endpoint.partner_id, func.clock_timestamp().label("now")).with_for_update(key_share=True)
    endpoint = (await tx.execute(mine.where(*live_endpoint(wanted.endpoint_id, partner_id)))).first()
    if endpoint is None:
        raise no_endpoint(wanted.endpoint_id)
    until = min(wanted.until or endpoint.now, endpoint.now)
    if wanted.since >= until:
        raise Invalid("must be before until, and in the past.", field="since")
    return {
        "endpoint_id": wanted.endpoint_id,
        "partner_id": endpoint.partner_id,
        "types": types,
        "since": wanted.since,
        "until": until,
        "undelivered": wanted.failed_only,
    }


async def list_replays(
    tx: Tx, page: PageWanted, *, partner_id: int | None = None, endpoint_id: int | None = None
) -> Page[ReplaySummary]:
    """Replays, newest first."""
    wanted = _SUMMARY.order_by(Replay.id.desc()).limit(page.size + 1)
    if page.before is not None:
        wanted = wanted.where(Replay.id < page.before)
    if partner_id is not None:
        wanted = wanted.where(Replay.partner_id == partner_id)
    if endpoint_id is not None:
        wanted = wanted.where(Replay.endpoint_id == possible(endpoint_id))
    return page_of((await tx.execute(wanted)).all(), page, _summary)


async def show_replay(tx: Tx, replay_id: int, partner_id: int | None = None) -> ReplaySummary:
    """One replay. Raises NotFound."""
    mine = _SUMMARY.where(Replay.id == possible(replay_id))
    if partner_id is not None:
        mine = mine.where(Replay.partner_id == partner_id)
    if (row := (await tx.execute(mine)).first()) is None:
        raise NotFound(f"there is no replay {replay_id}.", field="replay_id")
    return _summary(row)


_UNDELIVERED = (
    select(func.count())
    .where(Delivery.replay_id == Replay.id, Delivery.state != DeliveryState.DELIVERED)
    .correlate(Replay)
    .scalar_subquery()
)
_SUMMARY = select(Replay, _UNDELIVERED.label("not_arrived"))


def _summary(row: Any) -> ReplaySummary:
    return ReplaySummary(
        id=row.id,
        endpoint_id=row.endpoint_id,
        partner_id=row.partner_id,
        state=row.state,
        why=row.why,
        total=row.total,
        replayed=row.replayed,
        undelivered=row.not_arrived,
        pace=row.pace,
        types=row.types,
        since=row.since,
        until=row.until,
        failed_only=row.undelivered,
        created_at=row.created_at,
        ended_at=row.ended_at,
    )


_LATE = text("""
    UPDATE replay SET checked_at = clock_timestamp()
    WHERE state = 'running' AND moved_at < statement_timestamp() - CAST(:late AS interval)
      AND (checked_at IS NULL OR checked_at < statement_timestamp() - CAST(:late AS interval))
    RETURNING id
""")


async def wake_late(tx: Tx) -> int:
    """Have the workflows of running replays looked for that have not moved for a while; returns how many.

    One that runs looks at its row, one that is gone is started again.
    """
    late = (await tx.execute(_LATE, {"late": LATE})).scalars().all()
    await outbox.put(tx, outbox.Kind.REPLAY, late)
    return len(late)


async def pause_replay(tx: Tx, actor: Actor, replay_id: int, partner_id: int | None = None) -> ReplaySummary:
    """Hand nothing more to delivery until it is resumed. Raises NotFound, and Conflict for one that has ended."""
    return await _change(tx, actor, "pause", replay_id, ReplayState.PAUSED, partner_id)


async def resume_replay(tx: Tx, actor: Actor, replay_id: int, partner_id: int | None = None) -> ReplaySummary:
    """Go on where it was paused. Raises NotFound, and Conflict for one that has ended."""
    return await _change(tx, actor, "resume", replay_id, ReplayState.RUNNING, partner_id)


async def cancel_replay(tx: Tx, actor: Actor, replay_id: int, partner_id: int | None = None) -> ReplaySummary:
    """Hand nothing more to delivery, for good; what was handed stays. Raises NotFound, and Conflict when it ended."""
    return await _change(tx, actor, "cancel", replay_id, ReplayState.CANCELLED, partner_id)


async def _change(
    tx: Tx, actor: Actor, verb: str, replay_id: int, state: ReplayState, partner_id: int | None
) -> ReplaySummary:
    await tx.execute(select(Replay.id).where(Replay.id == possible(replay_id)).with_for_update())
    found = await show_replay(tx, replay_id, partner_id)
    if not found.state.open:
        raise Conflict(f"replay {replay_id} is {found.state} already.")
    await audit.record(tx, actor, f"replay.{verb}", replay_id, partner_id=found.partner_id)
    now = func.clock_timestamp()
    changed: dict[str, Any] = {"state": state, "moved_at": now, "ended_at": None if state.open else now}
    await tx.execute(update(Replay).where(Replay.id == replay_id).values(changed))
    await outbox.put(tx, outbox.Kind.REPLAY, [replay_id])  # its workflow looks at the row
    return await show_replay(tx, replay_id)
