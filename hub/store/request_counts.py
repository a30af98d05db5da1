"""Requests of hours that are over, counted once, so that nobody counts a month of them to see a partner's usage."""

from typing import Final

from sqlalchemy import text

from hub.store import refusals
from hub.store.db.engine import Tx

DAYS: Final = 31

# An hour is counted when it has been over for an hour: by then its requests are answered, and refused ones written.
_COUNT = text("""
    WITH due AS (
        SELECT until FROM requests_counted
        WHERE until < date_trunc('hour', statement_timestamp()) - interval '1 hour' FOR UPDATE SKIP LOCKED
    ), counted AS (
        INSERT INTO request_count
            (partner_id, hour, status_class, requests, created_rows, known_rows, refused_rows)
        SELECT partner_id, until, coalesce(status, 0) / 100, sum(requests), coalesce(sum(created_rows), 0),
               coalesce(sum(known_rows), 0), coalesce(sum(refused_rows), 0)
        FROM due JOIN submission ON created_at >= until AND created_at < until + interval '1 hour'
        GROUP BY 1, 2, 3
        ON CONFLICT DO NOTHING
    ), refusals AS (
        INSERT INTO refusal_count (partner_id, hour, reason, times)
        SELECT partner_id, until, reason, times FROM (
            SELECT partner_id, until, left(given ->> 'reason', :longest) AS reason, sum(requests) AS times,
                   row_number() OVER (PARTITION BY partner_id ORDER BY sum(requests) DESC) AS place
            FROM due JOIN submission ON created_at >= until AND created_at < until + interval '1 hour'
            CROSS JOIN jsonb_array_elements(reasons) AS given
            WHERE given ->> 'reason' <> ALL(:no_refusals)
            GROUP BY 1, 2, 3
        ) AS counted_reasons WHERE place <= :most
        ON CONFLICT DO NOTHING
    ), purged AS (
        DELETE FROM request_count USING due WHERE hour < until - make_interval(days => :days)
    ), purged_refusals AS (
        DELETE FROM refusal_count USING due WHERE hour < until - make_interval(days => :days)
    )
    UPDATE requests_counted SET until = due.until + interval '1 hour' FROM due RETURNING 1
""")


async def count_hour(tx: Tx) -> bool:
    """Count the next hour that is over; False when there is none, or another process does it just now."""
    return (await tx.execute(_COUNT, {"days": DAYS, **refusals.COUNTED})).first() is not None
