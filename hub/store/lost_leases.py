"""Leases that expired without a report of their dialer: the call goes back, or has ended in doubt or in failure."""

from collections.abc import Sequence

from sqlalchemy import text

from hub.leads import LeaseEnd, Outcome
from hub.seal import Vault
from hub.store import dialers, outcomes, withdrawals
from hub.store.call_reports import CallReport
from hub.store.db.engine import Tx
from hub.store.dialers import DialerCall

MOST_LEASES = 3
MOST_AT_ONCE = 200
LOST = "its dialer lost it"
DOUBTFUL = "its dialer was lost after it had started"

# Not one that was started by its dialer's confirmation: perhaps somebody was spoken to.
_RETURN = text("""
    WITH lost AS (
        SELECT id, token FROM call
        WHERE state = 'leased' AND lease_until < statement_timestamp() AND closes_at > statement_timestamp()
          AND leases < :most_leases AND NOT (confirm_start AND started_at IS NOT NULL)
        LIMIT :most FOR UPDATE SKIP LOCKED
    ), returned AS (
        UPDATE call SET state = 'ready' FROM lost WHERE call.id = lost.id
        RETURNING call.id, lost.token, call.dialer_id
    ), recorded AS (
        UPDATE lease SET ended_at = statement_timestamp(), ended = 'lost'
        FROM returned WHERE lease.call_id = returned.id AND lease.token = returned.token
    )
    SELECT returned.id, dialer.id AS dialer_id, dialer.kind
    FROM returned JOIN dialer ON dialer.id = returned.dialer_id
""")


async def return_calls(tx: Tx) -> int:
    """Make lost calls ready again, and let their dialers know; returns how many."""
    returned = [
        DialerCall(*row) for row in await tx.execute(_RETURN, {"most_leases": MOST_LEASES, "most": MOST_AT_ONCE})
    ]
    await dialers.place(tx, returned)
    return len(returned)


_LOST = text("""
    SELECT id, token, leases, confirm_start AND started_at IS NOT NULL AS doubtful,
           closes_at <= statement_timestamp() AS closed
    FROM call WHERE state = 'leased' AND lease_until < statement_timestamp()
    ORDER BY lease_until LIMIT :most
""")


async def settle(tx: Tx, vault: Vault) -> int:
    """End the lost calls that do not go back: in doubt (`unknown`), leased too often (`failed`), or out of time.

    Returns how many.
    """
    lost = (await tx.execute(_LOST, {"most": MOST_AT_ONCE})).all()
    doubtful = [CallReport(row.id, row.token, Outcome.UNKNOWN, reason=DOUBTFUL) for row in lost if row.doubtful]
    failed = [
        CallReport(row.id, row.token, Outcome.FAILED, reason=LOST)
        for row in lost
        if not row.doubtful and row.leases >= MOST_LEASES
    ]
    ended = await outcomes.end_lost(tx, vault, [*doubtful, *failed])
    late = [row.id for row in lost if row.closed and not row.doubtful and row.leases < MOST_LEASES]
    return ended + await _let_go(tx, late)


_LATE = text("""
    SELECT id FROM call
    WHERE id = ANY(:call_ids) AND state = 'leased' AND lease_until < statement_timestamp()
    FOR UPDATE SKIP LOCKED
""")


async def _let_go(tx: Tx, call_ids: Sequence[int]) -> int:
    if not call_ids:
        return 0
    late = list((await tx.execute(_LATE, {"call_ids": list(call_ids)})).scalars())
    await withdrawals.take_back(tx, late, LeaseEnd.LOST)
    return len(late)
