"""How the hub is doing, by its database. Each query goes by an index and counts to a maximum at most."""

from typing import Any, Final

from sqlalchemy import func, select, text

from hub.status import (
    WORKER_GONE,
    Check,
    DeliveriesStatus,
    DialerStatus,
    EndpointStatus,
    HubStatus,
    OutboxStatus,
    RefusedRequests,
    RoleStatus,
    judge_dialer,
)
from hub.store.db.engine import Tx
from hub.store.db.outbox import RELAYED_BY
from hub.store.restores import COMPARING_SINCE
from hub.temporal.roles import Role

MOST_COUNTED: Final = 10_000
MOST_ENDPOINTS: Final = 20

_MOMENTS = text(f"""
    SELECT clock_timestamp() AS at,
        least((SELECT min(coalesce(look_at, dial_at)) FROM lead WHERE state = 'scheduled'),
              (SELECT min(closes_at) FROM call WHERE ended_at IS NULL
                   AND (lease_until IS NULL OR lease_until < statement_timestamp()))) AS leads_late_since,
        {COMPARING_SINCE} AS comparison_since,
        (SELECT min(created_at) FROM submission WHERE wrapped_key IS NOT NULL) AS oldest_body_at,
        (SELECT created_at FROM journal ORDER BY id DESC LIMIT 1) AS journal_at
""")  # noqa: S608 - constants
_WORKERS = text("""
    SELECT role, count(*) FILTER (WHERE seen_at > statement_timestamp() - CAST(:gone AS interval)) AS processes,
           max(seen_at) AS last_seen_at
    FROM worker, unnest(roles) AS role GROUP BY role
""")
_OUTBOX = text("""
    SELECT kind, count(*) AS rows, min(due_at) AS oldest_due_at, max(tries) AS most_tries
    FROM unnest(CAST(:kinds AS text[])) AS kinds (name)
    CROSS JOIN LATERAL (
        SELECT kind, due_at, tries FROM outbox WHERE kind = name ORDER BY due_at LIMIT :most
    ) AS first GROUP BY kind
""")
# A lead that was due at night has its call placed in the morning: its dialer has had it since then.
_DIALERS = text("""
    SELECT dialer.id, name, coalesce(ready, 0) AS ready, greatest(due_at, placed_at) AS ready_since,
           last_seen_at, coalesce(live_keys, 0) AS live_keys
    FROM dialer
    LEFT JOIN LATERAL (
        SELECT due_at, placed_at FROM call WHERE dialer_id = dialer.id AND state = 'ready'
            AND due_at <= statement_timestamp() ORDER BY due_at, id LIMIT 1
    ) AS first ON true
    LEFT JOIN LATERAL (
        SELECT count(*) AS ready FROM (
            SELECT FROM call WHERE dialer_id = dialer.id AND state = 'ready' AND due_at <= statement_timestamp()
            LIMIT :most
        ) AS found
    ) AS counted ON true
    LEFT JOIN LATERAL (
        SELECT max(last_used_at) AS last_seen_at, count(*) FILTER (
            WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > statement_timestamp())) AS live_keys
        FROM api_key WHERE dialer_id = dialer.id
    ) AS keys ON true
    WHERE dialer.id IN (SELECT dialer_id FROM campaign) OR due_at IS NOT NULL
    ORDER BY dialer.id
""")
_ENDPOINTS = text("""
    SELECT id, partner_id, failing_since, disabled_at, disabled_why,
           count(*) FILTER (WHERE disabled_at IS NULL) OVER () AS all_failing,
           count(disabled_at) OVER () AS all_disabled
    FROM endpoint
    WHERE deleted_at IS NULL AND (failing_since IS NOT NULL OR disabled_at IS NOT NULL)
    ORDER BY coalesce(disabled_at, failing_since) DESC LIMIT :most
""")
# An endpoint that is paused, or at an attempt just now, is why its deliveries wait: they are not late.
_DELIVERIES = text("""
    WITH live AS (
        SELECT id, paused_until > statement_timestamp() OR EXISTS (
            SELECT FROM delivery WHERE endpoint_id = endpoint.id AND claimed_until > statement_timestamp()) AS busy
        FROM endpoint WHERE deleted_at IS NULL
    ), unqueued AS (
        SELECT endpoint_id, coalesce(next_at, created_at) AS due_at FROM delivery
        WHERE state = 'pending' AND queued_at IS NULL ORDER BY coalesce(next_at, created_at) LIMIT :most
    ), queued AS (
        SELECT 1 FROM delivery WHERE state = 'pending' AND queued_at IS NOT NULL LIMIT :most
    ), first_queued AS (
        SELECT queued_at AS due_at FROM live CROSS JOIN LATERAL (
            SELECT queued_at FROM delivery WHERE endpoint_id = live.id AND state = 'pending' AND queued_at IS NOT NULL
            ORDER BY queued_at LIMIT 1
        ) AS first WHERE busy IS NOT true
    ), waiting AS (
        SELECT 1 FROM live CROSS JOIN LATERAL (
            SELECT FROM delivery WHERE endpoint_id = live.id AND state = 'waiting' AND queued_at IS NULL LIMIT :most
        ) AS found LIMIT :most
    )
    SELECT (SELECT count(*) FROM unqueued) + (SELECT count(*) FROM queued) AS pending,
           (SELECT count(*) FROM waiting) AS waiting,
           least((SELECT min(due_at) FROM unqueued JOIN live ON live.id = endpoint_id WHERE busy IS NOT true),
                 (SELECT min(due_at) FROM first_queued)) AS oldest_due_at
""")
_REFUSED = text("""
    SELECT counted.*, partner.name AS partner FROM (
        SELECT partner_id, api, sum(requests)::bigint AS requests FROM (
            SELECT partner_id, api, requests FROM submission
            WHERE refused AND created_at > statement_timestamp() - interval '1 hour'
            ORDER BY created_at DESC LIMIT :most
        ) AS latest GROUP BY partner_id, api
    ) AS counted JOIN partner ON partner.id = partner_id ORDER BY requests DESC
""")


async def load(tx: Tx) -> HubStatus:
    """How the hub is doing now. Seven statements, some milliseconds whatever the number of leads."""
    moments = (await tx.execute(_MOMENTS)).one()
    endpoints = (await tx.execute(_ENDPOINTS, {"most": MOST_ENDPOINTS})).all()
    return HubStatus(
        at=moments.at,
        workers=await _workers(tx),
        outbox=await _outbox(tx),
        dialers=[DialerStatus(**row) for row in await _rows(tx, _DIALERS)],
        endpoints=[EndpointStatus(*row[:5]) for row in endpoints],
        endpoints_failing=endpoints[0].all_failing if endpoints else 0,
        endpoints_disabled=endpoints[0].all_disabled if endpoints else 0,
        deliveries=next(DeliveriesStatus(**row) for row in await _rows(tx, _DELIVERIES)),
        refused=[RefusedRequests(**row) for row in await _rows(tx, _REFUSED)],
        leads_late_since=moments.leads_late_since,
        comparison_since=moments.comparison_since,
        oldest_body_at=moments.oldest_body_at,
        journal_at=moments.journal_at,
    )


async def load_dialers(tx: Tx) -> list[tuple[DialerStatus, Check]]:
    """The dialers of `load` alone, each with the finding about it."""
    at = (await tx.execute(select(func.clock_timestamp()))).scalar_one()
    found = [DialerStatus(**row) for row in await _rows(tx, _DIALERS)]
    return [(dialer, judge_dialer(dialer, at)) for dialer in found]


async def _rows(tx: Tx, statement: Any) -> list[Any]:
    return list((await tx.execute(statement, {"most": MOST_COUNTED})).mappings())


async def _workers(tx: Tx) -> list[RoleStatus]:
    found = {row.role: row for row in await tx.execute(_WORKERS, {"gone": WORKER_GONE})}
    return [
        RoleStatus(role, row.processes, row.last_seen_at) if (row := found.get(role)) else RoleStatus(role, 0, None)
        for role in Role
        if role is not Role.ALL
    ]


async def _outbox(tx: Tx) -> list[OutboxStatus]:
    rows = await tx.execute(_OUTBOX, {"kinds": list(RELAYED_BY), "most": MOST_COUNTED})
    found = {row.kind: row for row in rows}
    return [
        OutboxStatus(kind, role, row.rows, row.oldest_due_at, row.most_tries)
        if (row := found.get(kind))
        else OutboxStatus(kind, role, 0, None, 0)
        for kind, role in RELAYED_BY.items()
    ]
