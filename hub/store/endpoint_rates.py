"""How many deliveries to endpoints arrived within a day, by the hour; of busy ones the newest are counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text

from hub.store.db.engine import Tx

MOST_COUNTED: Final = 10_000
HOURS: Final = 24


@dataclass(frozen=True, slots=True)
class HourRate:
    """Deliveries that were made in the hour that begins at `at`: `tried` at least once, `delivered` of them."""

    at: datetime
    tried: int
    delivered: int


@dataclass(frozen=True, slots=True)
class DayRate:
    """Of the last 24 hours, oldest hour first; every hour is there."""

    hours: Sequence[HourRate]

    @property
    def tried(self) -> int:
        return sum(hour.tried for hour in self.hours)

    @property
    def rate(self) -> float | None:
        """From 0 to 1; None when none was tried."""
        return sum(hour.delivered for hour in self.hours) / self.tried if self.tried else None


_COUNTED = text("""
    SELECT wanted.id AS endpoint_id, date_trunc('hour', created_at, 'UTC') AS at, count(*) AS tried,
           count(*) FILTER (WHERE state = 'delivered') AS delivered
    FROM unnest(CAST(:endpoints AS bigint[])) AS wanted (id)
    CROSS JOIN LATERAL (
        SELECT created_at, state, attempts FROM delivery
        WHERE endpoint_id = wanted.id
              AND id >= (SELECT id FROM delivery WHERE created_at >= :since ORDER BY created_at LIMIT 1)
        ORDER BY id DESC LIMIT :most
    ) AS newest
    WHERE attempts > 0 AND created_at >= :since
    GROUP BY 1, 2
""")
_NOW = text("SELECT date_trunc('hour', statement_timestamp(), 'UTC')")


async def day_rates(tx: Tx, endpoint_ids: Sequence[int], most: int = MOST_COUNTED) -> dict[int, DayRate]:
    """Of these endpoints, by their ids; of each the newest `most` deliveries."""
    this_hour: datetime = (await tx.execute(_NOW)).scalar_one()
    hours = [this_hour - timedelta(hours=back) for back in reversed(range(HOURS))]
    wanted = {"endpoints": list(endpoint_ids), "most": most, "since": hours[0]}
    rows = await tx.execute(_COUNTED, wanted)
    counted = {(row.endpoint_id, row.at): HourRate(row.at, row.tried, row.delivered) for row in rows}
    return {each: DayRate([counted.get((each, at), HourRate(at, 0, 0)) for at in hours]) for each in endpoint_ids}
