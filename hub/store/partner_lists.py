"""Partners with what came from each within a day."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from hub.store.db.engine import Tx
from hub.store.paging import Page, PageWanted, page_of


@dataclass(frozen=True, slots=True)
class PartnerLine:
    """One partner. `requests`, `refused` of them, and `created` rows within 24 h; `keys` that work now."""

    id: int
    name: str
    api: str
    rate_limit: int
    disabled_at: datetime | None
    keys: int
    requests: int
    refused: int
    created: int


_LIST = text("""
    WITH listed AS (
        SELECT id, name, api, rate_limit, disabled_at FROM partner
        WHERE CAST(:before AS bigint) IS NULL OR id < :before ORDER BY id DESC LIMIT :most
    ), hours AS (
        SELECT partner_id, status_class, requests, created_rows FROM request_count
        WHERE hour > statement_timestamp() - interval '24 hours' AND partner_id IN (SELECT id FROM listed)
        UNION ALL
        SELECT partner_id, coalesce(status, 0) / 100, requests, coalesce(created_rows, 0) FROM submission
        WHERE created_at >= (SELECT until FROM requests_counted) AND partner_id IN (SELECT id FROM listed)
    ), day AS (
        SELECT partner_id, sum(requests)::bigint AS requests, sum(created_rows)::bigint AS created,
               coalesce(sum(requests) FILTER (WHERE status_class >= 4), 0)::bigint AS refused
        FROM hours GROUP BY partner_id
    )
    SELECT listed.*, coalesce(requests, 0) AS requests, coalesce(refused, 0) AS refused,
           coalesce(created, 0) AS created, (
               SELECT count(*) FROM api_key WHERE partner_id = listed.id AND revoked_at IS NULL
               AND (expires_at IS NULL OR expires_at > statement_timestamp())
           ) AS keys
    FROM listed LEFT JOIN day ON day.partner_id = listed.id ORDER BY listed.id DESC
""")


async def list_partners(tx: Tx, page: PageWanted) -> Page[PartnerLine]:
    """Newest first."""
    rows = (await tx.execute(_LIST, {"before": page.before, "most": page.size + 1})).all()
    return page_of(rows, page, lambda row: PartnerLine(**row._asdict()))
