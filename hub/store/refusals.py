"""Why a partner's rows and requests are refused: each reason with how often, and the requests that it refused.

Hours that are over were counted (see request_counts), so that nobody reads a week of requests; later ones are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text

from hub.reasons import NO_REFUSALS
from hub.store.db.engine import Tx
from hub.store.paging import Page, PageWanted, page_of
from hub.store.requests import RequestSummary, summary_of

LONGEST: Final = 200
"""Characters of a reason by which it is counted and found."""

MOST: Final = 50
"""Reasons of a partner that are counted in an hour, the most frequent ones."""

MOST_LISTED: Final = 10
COUNTED: Final[dict[str, Any]] = {"longest": LONGEST, "most": MOST, "no_refusals": list(NO_REFUSALS)}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reason's first 200 characters, and how many rows and whole requests it refused in 24 hours and in 7 days."""

    reason: str
    day: int
    week: int


_LIST = text("""
    WITH given AS (
        SELECT hour, reason, times FROM refusal_count
        WHERE partner_id = :partner_id AND hour > statement_timestamp() - interval '7 days'
        UNION ALL
        SELECT created_at, left(given ->> 'reason', :longest), requests
        FROM submission CROSS JOIN jsonb_array_elements(reasons) AS given
        WHERE partner_id = :partner_id AND created_at >= :counted_until AND given ->> 'reason' <> ALL(:no_refusals)
    )
    SELECT reason, sum(times)::bigint AS week,
           coalesce(sum(times) FILTER (WHERE hour > statement_timestamp() - interval '24 hours'), 0)::bigint AS day
    FROM given GROUP BY reason ORDER BY week DESC, reason LIMIT :most
""")
_COUNTED_UNTIL = text("SELECT until FROM requests_counted")


async def list_refusals(tx: Tx, partner_id: int) -> list[Refusal]:
    """The partner's reasons of the last 7 days, the most frequent first."""
    until = (await tx.execute(_COUNTED_UNTIL)).scalar()
    # As a parameter: the planner sees how few rows come after it.
    wanted = {**COUNTED, "partner_id": partner_id, "counted_until": until, "most": MOST_LISTED}
    return [Refusal(row.reason, row.day, row.week) for row in await tx.execute(_LIST, wanted)]


# Only hours in which there are some are looked at, the latest first, and no further than the page is full.
_REQUESTS = text("""
    WITH before AS (SELECT created_at, id FROM submission WHERE id = :before),
    hours AS (
        SELECT hour FROM refusal_count WHERE partner_id = :partner_id AND reason = :reason
        AND hour > statement_timestamp() - interval '7 days'
        UNION ALL
        SELECT generate_series(:counted_until, statement_timestamp(), interval '1 hour')
    )
    SELECT found.* FROM hours CROSS JOIN LATERAL (
        SELECT id, request_id, created_at, partner_id, key_id, api, route, state, status, duration_ms, created_rows,
               known_rows, refused_rows, was_late, requests
        FROM submission
        WHERE partner_id = :partner_id AND created_at >= hour AND created_at < hour + interval '1 hour'
        AND (CAST(:before AS bigint) IS NULL OR (created_at, id) < (SELECT created_at, id FROM before))
        AND EXISTS (SELECT FROM jsonb_array_elements(reasons) AS given
                    WHERE left(given ->> 'reason', :longest) = :reason)
        ORDER BY created_at DESC, id DESC LIMIT :page
    ) AS found
    ORDER BY hour DESC, found.created_at DESC, found.id DESC LIMIT :page
""")


async def list_requests(tx: Tx, partner_id: int, reason: str, page: PageWanted) -> Page[RequestSummary]:
    """The partner's requests of the last 7 days that were refused, or of which rows were, for this reason.

    Newest first. `reason`: as `Refusal` has it.
    """
    until = (await tx.execute(_COUNTED_UNTIL)).scalar()
    wanted = {"partner_id": partner_id, "reason": reason[:LONGEST], "longest": LONGEST, "counted_until": until}
    rows: Sequence[Any] = (await tx.execute(_REQUESTS, {**wanted, "before": page.before, "page": page.size + 1})).all()
    return page_of(rows, page, summary_of)
