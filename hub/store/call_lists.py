"""Open calls for operators: what is ready for its dialer, what a dialer has, what is overdue."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from hub.store.db.engine import Tx
from hub.store.paging import Page, PageWanted, page_of
from hub.store.row_ids import MOST_ID


@dataclass(frozen=True, slots=True)
class CallLine:
    """One open call. `state` ready or leased; `late`: ready and due for two minutes, or its lease over."""

    id: int
    lead_id: int
    partner_id: int
    dialer_id: int
    dialer: str
    campaign: str | None
    state: str
    attempt: int
    due_at: datetime
    closes_at: datetime
    lease_until: datetime | None
    started_at: datetime | None
    late: bool


# Of each dialer its newest, by its own index: all calls in the order of their ids are mostly those that ended.
_LIST = text("""
    WITH newest AS (
        SELECT found.id FROM dialer CROSS JOIN LATERAL (
            SELECT id FROM call WHERE dialer_id = dialer.id AND ended_at IS NULL AND id < :before
            ORDER BY id DESC LIMIT :most
        ) AS found
        WHERE CAST(:dialer_id AS bigint) IS NULL OR dialer.id = :dialer_id ORDER BY found.id DESC LIMIT :most
    )
    SELECT call.id, call.lead_id, call.partner_id, call.dialer_id, dialer.name AS dialer,
           campaign.public_id AS campaign, call.state, call.attempt, call.due_at, call.closes_at, call.lease_until,
           call.started_at, CASE WHEN call.state = 'ready' THEN greatest(due_at, placed_at) ELSE lease_until END
               < statement_timestamp() - interval '2 minutes' AS late
    FROM newest JOIN call ON call.id = newest.id JOIN dialer ON dialer.id = call.dialer_id
    JOIN lead ON lead.id = call.lead_id LEFT JOIN campaign ON campaign.id = lead.campaign_id
    ORDER BY call.id DESC
""")


async def list_open_calls(tx: Tx, page: PageWanted, dialer_id: int | None = None) -> Page[CallLine]:
    """Newest first; of one dialer."""
    wanted = {"before": page.before or MOST_ID, "dialer_id": dialer_id, "most": page.size + 1}
    return page_of((await tx.execute(_LIST, wanted)).all(), page, lambda row: CallLine(**row._asdict()))
