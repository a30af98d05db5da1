"""What follows for endpoints from attempts: a pause after failures in a row, warnings, and in the end disabling.

A pause lets one attempt through each time that it ends, and is then longer. The first success ends it, and what waited
is sent at a rate that doubles from round to round.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import func, select, text, update

from hub.seal import Vault
from hub.store import delivery_queue, events
from hub.store.db import outbox
from hub.store.db.engine import Tx
from hub.store.tables import Endpoint
from hub.webhooks import FIRST_PAUSE, LONGEST_PAUSE, MOST_PLACES, PAUSED_AFTER, WARNED_AT, Verdict

DISABLED_AFTER: Final = timedelta(days=5)

# In the order of their ids, so that two processes never wait for each other.
_RESULTS = text("""
    WITH result AS (
        SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:successes AS bigint[]), CAST(:retries AS bigint[]))
                 AS t (id, successes, retries)
    ), before AS (
        SELECT endpoint.*, successes > 0 AS succeeded, retries, paused_until > clock_timestamp() AS paused
        FROM endpoint JOIN result USING (id)
        WHERE successes = 0 OR failing_since IS NOT NULL OR endpoint.places < :most_places
        ORDER BY id FOR NO KEY UPDATE OF endpoint
    ), counted AS (
        SELECT *, CASE WHEN succeeded THEN 0 WHEN failures < :paused_after THEN least(failures + retries, :paused_after)
                       WHEN paused THEN failures ELSE failures + least(retries, 1) END AS now_failures
        FROM before
    )
    UPDATE endpoint SET
        failing_since = CASE WHEN NOT succeeded THEN coalesce(endpoint.failing_since, clock_timestamp()) END,
        warned = CASE WHEN succeeded THEN 0 ELSE endpoint.warned END,
        failures = now_failures,
        paused_until = CASE
            WHEN now_failures < :paused_after THEN NULL
            WHEN now_failures = endpoint.failures THEN endpoint.paused_until
            ELSE clock_timestamp() + least(
                CAST(:longest AS interval), CAST(:first AS interval) * power(2, least(now_failures - :paused_after, 20))
            )
        END,
        places = CASE WHEN succeeded THEN least(endpoint.places * 2, :most_places)
                      WHEN now_failures < :paused_after THEN endpoint.places ELSE 1 END
    FROM counted WHERE endpoint.id = counted.id
    RETURNING endpoint.id, succeeded AND counted.failures >= :paused_after AS recovered
""")
_RULES: Final = {
    "paused_after": PAUSED_AFTER,
    "first": FIRST_PAUSE,
    "longest": LONGEST_PAUSE,
    "most_places": MOST_PLACES,
}


async def take_results(tx: Tx, results: Sequence[tuple[int, Verdict]]) -> None:
    """Count what attempts to endpoints came to; those of one endpoint as made at once, and a success outweighs."""
    successes = Counter(endpoint_id for endpoint_id, verdict in results if verdict is Verdict.DELIVERED)
    # A response that refuses one payload for good says nothing about the next.
    retries = Counter(endpoint_id for endpoint_id, verdict in results if verdict is Verdict.RETRY)
    ids = sorted({endpoint_id for endpoint_id, _ in results})
    counted = {"ids": ids, "successes": [successes[i] for i in ids], "retries": [retries[i] for i in ids]}
    changed = (await tx.execute(_RESULTS, _RULES | counted)).all()
    if recovered := [row.id for row in changed if row.recovered]:
        await delivery_queue.take_over_failed(tx, recovered)


async def disable(tx: Tx, vault: Vault, endpoint_id: int, why: str) -> None:
    """Send nothing to an endpoint until it is enabled, and notify its contact and its partner's other endpoints."""
    live = Endpoint.disabled_at.is_(None) & Endpoint.deleted_at.is_(None)
    disabled = update(Endpoint).where(Endpoint.id == endpoint_id, live)
    disabled = disabled.values(disabled_at=func.clock_timestamp(), disabled_why=why)
    columns = Endpoint.partner_id, Endpoint.url, Endpoint.failing_since
    if (row := (await tx.execute(disabled.returning(*columns))).first()) is None:
        return
    since = row.failing_since.isoformat() if row.failing_since else None
    data = {"endpoint_id": endpoint_id, "url": row.url, "why": why, "since": since}
    disabled_event = events.NewEvent("endpoint.disabled", data, impersonal=True, not_endpoint=endpoint_id)
    await events.record(tx, vault, row.partner_id, [disabled_event])
    await outbox.put(tx, outbox.Kind.TELL_CONTACT, [endpoint_id])


async def disable_failing(tx: Tx, vault: Vault) -> int:
    """Disable what has failed for five days without one success; returns how many."""
    live = Endpoint.disabled_at.is_(None) & Endpoint.deleted_at.is_(None)
    late = Endpoint.failing_since <= func.statement_timestamp() - DISABLED_AFTER
    wanted = select(Endpoint.id).where(live, late).order_by(Endpoint.id).with_for_update(skip_locked=True)
    endpoints = (await tx.execute(wanted)).scalars().all()
    for endpoint_id in endpoints:
        await disable(tx, vault, endpoint_id, f"it failed for {DISABLED_AFTER.days} days without one success")
    return len(endpoints)


_WARN = text("""
    UPDATE endpoint SET warned = due.percent FROM (
        SELECT id, percent FROM endpoint CROSS JOIN LATERAL (
            SELECT max(level) AS percent FROM unnest(CAST(:levels AS bigint[])) AS level
            WHERE failing_since <= statement_timestamp() - level * CAST(:one_percent AS interval)
        ) AS reached
        WHERE warned < percent AND disabled_at IS NULL AND deleted_at IS NULL
        ORDER BY id FOR NO KEY UPDATE OF endpoint SKIP LOCKED
    ) AS due WHERE endpoint.id = due.id AND endpoint.warned < due.percent RETURNING endpoint.id
""")


async def warn(tx: Tx) -> Sequence[int]:
    """Have mails sent to contacts of endpoints that have failed for a further part of the five days; returns which."""
    levels = {"levels": list(WARNED_AT), "one_percent": DISABLED_AFTER / 100}
    warned = (await tx.execute(_WARN, levels)).scalars().all()
    await outbox.put(tx, outbox.Kind.TELL_CONTACT, warned)
    return warned
