"""How much a partner sends: what it has used of its limit, and what came on each day."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import func, select, text

from hub.errors import NotFound
from hub.store.db.engine import Tx
from hub.store.rate_limits import WINDOW
from hub.store.tables import Partner, RequestsCounted, Submission


@dataclass(frozen=True, slots=True)
class DayUsage:
    """One day (UTC). `statuses`: requests by `2xx`, `4xx`, `5xx`, and `open` for those without a response."""

    day: date
    requests: int
    created: int
    known: int
    refused: int
    statuses: dict[str, int]

    @property
    def rows(self) -> int:
        """Of requests that were refused before their rows were read, only those that are named in the reasons."""
        return self.created + self.known + self.refused


@dataclass(frozen=True, slots=True)
class Usage:
    """What a partner has used of its limit in the last 60 s, and what it sent on each of the last 30 days.

    `resets_at`: when the oldest of what is `used` counts no more, None when nothing is. `days`: newest first, without
    those on which nothing came.
    """

    limit: int
    used: int
    resets_at: datetime | None
    days: Sequence[DayUsage]

    def as_json(self) -> dict[str, Any]:
        days = [{**asdict(day), "rows": day.rows} for day in self.days]
        return {"limit": self.limit, "used": self.used, "resets_at": self.resets_at, "days": days}


_DAYS = text("""
    WITH hours AS (
        SELECT hour, status_class, requests, created_rows, known_rows, refused_rows FROM request_count
        WHERE partner_id = :partner_id AND hour >= date_trunc('day', now(), 'UTC') - interval '29 days'
        UNION ALL
        SELECT created_at, coalesce(status, 0) / 100, requests,
               coalesce(created_rows, 0), coalesce(known_rows, 0), coalesce(refused_rows, 0)
        FROM submission WHERE partner_id = :partner_id AND created_at >= :counted_until
    )
    SELECT (hour AT TIME ZONE 'UTC')::date AS day, status_class, sum(requests)::bigint AS requests,
           sum(created_rows)::bigint AS created, sum(known_rows)::bigint AS known, sum(refused_rows)::bigint AS refused
    FROM hours GROUP BY 1, 2 ORDER BY 1 DESC, 2
""")


async def usage(tx: Tx, partner_id: int) -> Usage:
    """How much a partner sends. Raises NotFound. Hours that are over were counted before: see request_counts."""
    until = select(RequestsCounted.until).scalar_subquery().label("until")
    partner = (await tx.execute(select(Partner.rate_limit, until).where(Partner.id == partner_id))).first()
    if partner is None:
        raise NotFound("there is no partner of this id.", field="partner_id")
    counted = [
        Submission.partner_id == partner_id,
        Submission.created_at > func.statement_timestamp() - WINDOW,  # as hub.store.rate_limits does
        Submission.weight > 0,
    ]
    window = select(func.coalesce(func.sum(Submission.weight), 0), func.min(Submission.created_at)).where(*counted)
    used, oldest = (await tx.execute(window)).one()
    # As a parameter: the planner sees how few rows come after it.
    rows = (await tx.execute(_DAYS, {"partner_id": partner_id, "counted_until": partner.until})).all()
    days = [_day(day, list(classes)) for day, classes in groupby(rows, key=lambda row: row.day)]
    return Usage(partner.rate_limit, int(used), oldest and oldest + WINDOW, days)


def _day(day: date, classes: Sequence[Any]) -> DayUsage:
    statuses = {f"{row.status_class}xx" if row.status_class else "open": row.requests for row in classes}
    totals = {name: sum(getattr(row, name) for row in classes) for name in ("created", "known", "refused")}
    return DayUsage(day=day, requests=sum(statuses.values()), **totals, statuses=statuses)
