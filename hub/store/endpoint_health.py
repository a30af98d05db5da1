"""Endpoints to be looked at: lists without their secrets, and one with how well deliveries to it go."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, func, select

from hub.store.db.engine import Tx
from hub.store.delivery_lists import first_id_since, parts_of_state
from hub.store.endpoints import live_endpoint, no_endpoint
from hub.store.paging import Page, PageWanted, page_of
from hub.store.row_ids import MOST_ID
from hub.store.tables import Campaign, Delivery, DeliveryAttempt, Endpoint
from hub.webhooks import DeliveryState

MOST_TROUBLED: Final = 50
MOST_JUDGED: Final = 10_000
MOST_COUNTED: Final = 10_000
"""Open deliveries of an endpoint in one state; of this many there may be more."""
_COLUMNS = select(
    Endpoint.id,
    Endpoint.partner_id,
    Endpoint.url,
    Endpoint.types,
    Campaign.public_id.label("campaign"),
    Endpoint.contact,
    Endpoint.failing_since,
    Endpoint.paused_until,
    Endpoint.disabled_at,
    Endpoint.disabled_why,
    Endpoint.old_secret_until,
    Endpoint.created_at,
).outerjoin(Campaign, Campaign.id == Endpoint.campaign_id)


async def list_endpoints(tx: Tx, partner_id: int | None = None) -> list[dict[str, Any]]:
    """All that were not deleted, of one partner or of all, by id."""
    wanted = _COLUMNS.where(Endpoint.deleted_at.is_(None)).order_by(Endpoint.id)
    if partner_id is not None:
        wanted = wanted.where(Endpoint.partner_id == partner_id)
    return [row._asdict() for row in await tx.execute(wanted)]


async def list_troubled(tx: Tx, partner_id: int | None = None) -> list[dict[str, Any]]:
    """Those that are disabled or whose last attempts failed, the latest trouble first, up to a maximum."""
    since = func.coalesce(Endpoint.disabled_at, Endpoint.failing_since)
    wanted = _COLUMNS.where(Endpoint.deleted_at.is_(None), since.is_not(None))
    if partner_id is not None:
        wanted = wanted.where(Endpoint.partner_id == partner_id)
    rows = await tx.execute(wanted.order_by(since.desc()).limit(MOST_TROUBLED))
    return [row._asdict() for row in rows]


async def page_of_endpoints(tx: Tx, page: PageWanted, partner_id: int | None = None) -> Page[dict[str, Any]]:
    """As `list_endpoints`, newest first and in pages."""
    wanted = _COLUMNS.where(Endpoint.deleted_at.is_(None)).order_by(Endpoint.id.desc()).limit(page.size + 1)
    if page.before is not None:
        wanted = wanted.where(Endpoint.id < page.before)
    if partner_id is not None:
        wanted = wanted.where(Endpoint.partner_id == partner_id)
    return page_of((await tx.execute(wanted)).all(), page, lambda row: row._asdict())


async def show_endpoint(
    tx: Tx, endpoint_id: int, partner_id: int | None = None, most: int | None = MOST_COUNTED
) -> dict[str, Any]:
    """One endpoint with its health. Raises NotFound.

    `pending`, `waiting`: deliveries, of each counted up to `most` (None: all); `success_rate`: from 0 to 1, of the last
    24 hours' deliveries that were attempted, the newest 10,000 of them, None without one; `last_success_at`: the last
    attempt of its newest delivery that succeeded.
    """
    row = (await tx.execute(_COLUMNS.where(*live_endpoint(endpoint_id, partner_id)))).first()
    if row is None:
        raise no_endpoint(endpoint_id)
    tried, delivered = (await tx.execute(_recent(endpoint_id))).one()
    return row._asdict() | {
        "pending": await _count(tx, endpoint_id, DeliveryState.PENDING, most),
        "waiting": await _count(tx, endpoint_id, DeliveryState.WAITING, most),
        "success_rate": round(delivered / tried, 4) if tried else None,
        "last_success_at": (await tx.execute(_last_success(endpoint_id, row.failing_since))).scalar(),
    }


async def _count(tx: Tx, endpoint_id: int, state: DeliveryState, most: int | None) -> int:
    mine = select(Delivery.id).where(Delivery.endpoint_id == endpoint_id)
    found = [mine.where(part).limit(most).subquery() for part in parts_of_state(state)]
    counts = [select(func.count()).select_from(each).scalar_subquery() for each in found]
    total = sum((await tx.execute(select(*counts))).one())
    return total if most is None else min(total, most)


def _recent(endpoint_id: int) -> Select[int, int]:
    since = func.statement_timestamp() - timedelta(hours=24)
    mine = Delivery.endpoint_id == endpoint_id, Delivery.id >= first_id_since(since)
    newest = select(Delivery.state, Delivery.attempts, Delivery.created_at).where(*mine)
    rows = newest.order_by(Delivery.id.desc()).limit(MOST_JUDGED).subquery()
    delivered = func.count().filter(rows.c.state == DeliveryState.DELIVERED)
    return select(func.count(), delivered).where(rows.c.attempts > 0, rows.c.created_at >= since)


def _last_success(endpoint_id: int, failing_since: datetime | None) -> Select[datetime]:
    """Looked for before the time since which it fails: none of the many behind it succeeded."""
    last = (DeliveryAttempt.delivery_id == Delivery.id) & (DeliveryAttempt.number == Delivery.attempts)
    found = select(DeliveryAttempt.created_at).join(Delivery, last)
    found = found.where(Delivery.endpoint_id == endpoint_id, Delivery.state == DeliveryState.DELIVERED)
    if failing_since is not None:
        later = func.coalesce(first_id_since(failing_since), MOST_ID)
        found = found.where(Delivery.id <= later)
    return found.order_by(Delivery.id.desc()).limit(1)
