"""How much a partner may send: the weights of its submissions of the last 60 s, over any number of API processes."""

from datetime import timedelta
from math import ceil
from typing import Final

from sqlalchemy import text

from hub.errors import NeverFits, RateLimited
from hub.store.db.engine import Tx

WINDOW: Final = timedelta(seconds=60)

# By statement_timestamp(), as an index can't be searched by clock_timestamp(): all that is kept would be read.
_USED = text("""
    SELECT coalesce(sum(weight), 0) FROM submission
    WHERE partner_id = :partner_id AND created_at > statement_timestamp() - CAST(:window AS interval)
""")
_WEIGHTS = text("""
    SELECT weight, extract(epoch FROM clock_timestamp() - created_at) AS age FROM submission
    WHERE partner_id = :partner_id AND created_at > statement_timestamp() - CAST(:window AS interval) AND weight > 0
    ORDER BY created_at DESC
""")


async def check_rate(tx: Tx, partner_id: int, weight: int, limit: int) -> None:
    """Whether `weight` more fits into the partner's limit, whose admissions the caller has locked.

    Raises NeverFits (it never will), RateLimited (not now: the weights, newest first, show when there will be place).
    """
    if weight > limit:
        raise NeverFits(limit, weight)
    mine = {"partner_id": partner_id, "window": WINDOW}
    if (await tx.execute(_USED, mine)).scalar_one() + weight <= limit:
        return
    used, wait = 0, 0.0
    for earlier, age in await tx.execute(_WEIGHTS, mine):
        used += earlier
        if wait == 0 and used + weight > limit:
            wait = WINDOW.total_seconds() - float(age)
    raise RateLimited(limit, used, max(1, ceil(wait)))
