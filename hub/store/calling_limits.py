"""What other calls and other rows say about a call now: do-not-call, disabling, the number's cap, the daily budget.

A call counts from when it may have been dialled: its lease, or where the dialer confirms starts, its start. Whoever
leases or starts calls takes the locks first, so that of two that race at a limit the second counts the first's call.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text

from hub.dialing import decision
from hub.dialing.decision import Never, NotYet
from hub.leads import Hold
from hub.store.db.engine import Tx

HELD_LOOK = timedelta(hours=6)
"""When a lead that is held looks at the latest. What it waits for wakes it before (hub.store.holds)."""

SUPPRESSED = "the number is on the do-not-call list"
PARTNER_DISABLED = "the partner is disabled"
BUDGET_SPENT = "the partner's budget of calls for 24 hours is used up"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A call that may be made otherwise. `daily_calls` is its partner's budget, None for none."""

    partner_id: int
    phone_hash: bytes | None
    max_per_day: int
    partner_disabled: bool
    daily_calls: int | None


class Limits:
    """The facts about some candidates."""

    def __init__(
        self, now: datetime, suppressed: set[int], dials: dict[bytes | None, list[datetime]], used: Counter[int]
    ) -> None:
        self._now, self._suppressed, self._dials, self._used = now, suppressed, dials, used

    def refusal(self, index: int, candidate: Candidate, *, counts: bool = True) -> Never | NotYet | None:
        """Why the candidate at this index may not be called now. None: it may.

        `counts`: it will be called, so that it counts for those judged after it.
        """
        dials = self._dials[candidate.phone_hash]
        if index in self._suppressed:
            return Never(SUPPRESSED)
        if candidate.partner_disabled:
            return NotYet(self._now + HELD_LOOK, PARTNER_DISABLED, Hold.PARTNER_DISABLED)
        if capped := decision.capped_until(self._now, dials, candidate.max_per_day):
            return NotYet(capped, f"the number was called {len(dials)} times within 24 hours")
        if candidate.daily_calls is not None and self._used[candidate.partner_id] >= candidate.daily_calls:
            return NotYet(self._now + HELD_LOOK, BUDGET_SPENT, Hold.BUDGET)
        if counts:
            dials.append(self._now)
            self._used[candidate.partner_id] += 1
        return None


PARTNERS: Final = 1 << 62
"""Budgets are locked by numbers from here on; two locks that collide cost a wait."""


def locking(calls: str) -> str:
    """A query that lets no other transaction lease or start calls to the numbers, or of the partners with a budget.

    `calls`: a table with `phone_hash`, `partner_id` and `daily_calls`. What is counted behind these locks must be read
    by a later statement: this one sees what was before.
    """
    # Each in one order, numbers before partners, so that two never deadlock.
    return f"""SELECT pg_advisory_xact_lock(number) FROM (
        SELECT number FROM (
            SELECT ('x' || encode(substr(phone_hash, 1, 8), 'hex'))::bit(64)::bigint AS number, 0 AS place
            FROM {calls} WHERE phone_hash IS NOT NULL
            UNION ALL SELECT {PARTNERS} + partner_id, 1 FROM {calls} WHERE daily_calls IS NOT NULL
        ) AS wanted GROUP BY number ORDER BY max(place), number
    ) AS ordered"""  # noqa: S608 - constants


_LOCK = text(f"""
    WITH candidate AS (
        SELECT CAST(:partner_id AS bigint) AS partner_id, CAST(:phone_hash AS bytea) AS phone_hash,
               CAST(:daily_calls AS bigint) AS daily_calls
    )
    {locking("candidate")}
""")


async def lock(tx: Tx, candidate: Candidate) -> None:
    """Take the locks of one call."""
    facts = {"partner_id": candidate.partner_id, "phone_hash": candidate.phone_hash}
    await tx.execute(_LOCK, facts | {"daily_calls": candidate.daily_calls})


# By statement_timestamp(), as an index can't be searched by clock_timestamp(): all leases that are kept would be read.
_FACTS = text("""
    SELECT wanted.place - 1 AS place, wanted.phone_hash, clock_timestamp() AS now,
           EXISTS (SELECT FROM suppression WHERE suppression.phone_hash = wanted.phone_hash
                   AND (suppression.partner_id IS NULL OR suppression.partner_id = wanted.partner_id)) AS suppressed,
           ARRAY(SELECT started_at FROM lease WHERE lease.phone_hash = wanted.phone_hash
                 AND started_at > statement_timestamp() - interval '24 hours') AS dials
    FROM unnest(CAST(:partners AS bigint[]), CAST(:hashes AS bytea[]))
         WITH ORDINALITY AS wanted (partner_id, phone_hash, place)
""")
_USED = text("""
    SELECT partner_id, count(*) AS calls FROM lease
    WHERE partner_id = ANY(:partners) AND started_at > statement_timestamp() - interval '24 hours' GROUP BY partner_id
""")
# A call that waits for its dialer will take its place in the budget: no more are placed than it has places.
_PLACED = text("""
    SELECT partner_id, count(*) AS calls FROM call
    WHERE partner_id = ANY(:partners) AND ended_at IS NULL AND lead_id <> ALL(:besides)
      AND (state = 'ready' OR (state = 'leased' AND started_at IS NULL))
    GROUP BY partner_id
""")


async def load(tx: Tx, candidates: Sequence[Candidate]) -> Limits:
    """The limits that count calls made."""
    return await _load(tx, candidates, await used(tx, _budgeted(candidates)))


async def load_for_placing(tx: Tx, candidates: Sequence[Candidate], lead_ids: Sequence[int]) -> Limits:
    """The limits for the calls of these leads before they are placed: others that are placed have budget first."""
    partners = _budgeted(candidates)
    return await _load(tx, candidates, await used(tx, partners) + await placed(tx, partners, besides=lead_ids))


async def used(tx: Tx, partner_ids: Sequence[int]) -> Counter[int]:
    """How many calls of these partners count in the last 24 hours."""
    if not partner_ids:
        return Counter()
    rows = await tx.execute(_USED, {"partners": list(partner_ids)})
    return Counter({row.partner_id: row.calls for row in rows})


async def placed(tx: Tx, partner_ids: Sequence[int], *, besides: Sequence[int] = ()) -> Counter[int]:
    """How many calls of these partners are with a dialer and do not count yet, without those of some leads."""
    if not partner_ids:
        return Counter()
    rows = await tx.execute(_PLACED, {"partners": list(partner_ids), "besides": list(besides)})
    return Counter({row.partner_id: row.calls for row in rows})


def _budgeted(candidates: Sequence[Candidate]) -> list[int]:
    return sorted({each.partner_id for each in candidates if each.daily_calls is not None})


async def _load(tx: Tx, candidates: Sequence[Candidate], used_calls: Counter[int]) -> Limits:
    wanted = {
        "partners": [each.partner_id for each in candidates],
        "hashes": [each.phone_hash for each in candidates],
    }
    rows = (await tx.execute(_FACTS, wanted)).all()
    dials: defaultdict[bytes | None, list[datetime]] = defaultdict(list)
    for row in rows:
        dials[row.phone_hash] = list(row.dials)
    suppressed = {row.place for row in rows if row.suppressed}
    return Limits(max(row.now for row in rows), suppressed, dials, used_calls)
