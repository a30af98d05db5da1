"""Leads that wait for no time but for a change of their partner's: woken when it comes, first due first, and paced.

Also calls of partners that were disabled meanwhile: taken back, so that their leads say why they wait.
"""

from collections.abc import Sequence

from sqlalchemy import text

from hub.store import calling_limits, withdrawals
from hub.store.db import outbox
from hub.store.db.engine import Tx

MOST_WAKING = 200
"""At most so many wake-ups are under way by this: a partner's return holds up nobody else's leads."""

# A call whose start its dialer has not confirmed can be taken back like one that no dialer has.
_DISABLED = text("""
    SELECT call.id FROM partner JOIN call ON call.partner_id = partner.id
    WHERE partner.disabled_at IS NOT NULL AND call.ended_at IS NULL
      AND (call.state = 'ready' OR (call.state = 'leased' AND confirm_start AND started_at IS NULL))
    ORDER BY call.due_at LIMIT :most FOR UPDATE OF call SKIP LOCKED
""")
_WAKING = text("SELECT count(*) FROM outbox WHERE kind = 'wake_lead'")


async def take_back_disabled(tx: Tx) -> int:
    """Take back calls of disabled partners; returns how many, until none is left."""
    if (most := await _room(tx)) == 0:
        return 0
    calls = list((await tx.execute(_DISABLED, {"most": most})).scalars())
    await withdrawals.take_back(tx, calls)
    return len(calls)


_ENABLED = text("""
    SELECT lead.id FROM lead JOIN partner ON partner.id = lead.partner_id
    WHERE lead.hold = 'partner_disabled' AND partner.disabled_at IS NULL
    ORDER BY lead.dial_at, lead.id LIMIT :most FOR UPDATE OF lead SKIP LOCKED
""")
_WITHOUT_BUDGET = text("""
    SELECT id, daily_calls FROM partner
    WHERE EXISTS (SELECT FROM lead WHERE lead.partner_id = partner.id AND lead.hold = 'budget')
""")
_UNDER_WAY = text("""
    SELECT count(*) FROM outbox JOIN lead ON lead.id = outbox.ref
    WHERE outbox.kind = 'wake_lead' AND lead.partner_id = :partner_id
""")
_FIRST_DUE = text("""
    SELECT id FROM lead WHERE partner_id = :partner_id AND hold = 'budget'
    ORDER BY dial_at, id LIMIT :most FOR UPDATE SKIP LOCKED
""")
_RELEASE = text("UPDATE lead SET hold = NULL, look_at = NULL WHERE id = ANY(:lead_ids)")


async def wake(tx: Tx) -> int:
    """Wake leads whose partner is enabled again, or has budget for them again; returns how many."""
    if (room := await _room(tx)) == 0:
        return 0
    enabled = list((await tx.execute(_ENABLED, {"most": room})).scalars())
    await _release(tx, enabled)
    woken = len(enabled)
    for partner in (await tx.execute(_WITHOUT_BUDGET)).all():
        most = min(room - woken, await _free(tx, partner.id, partner.daily_calls))
        if most > 0:
            first = list((await tx.execute(_FIRST_DUE, {"partner_id": partner.id, "most": most})).scalars())
            await _release(tx, first)
            woken += len(first)
    return woken


async def _room(tx: Tx) -> int:
    waking: int = (await tx.execute(_WAKING)).scalar_one()
    return max(0, MOST_WAKING - waking)


async def _free(tx: Tx, partner_id: int, daily_calls: int | None) -> int:
    """For how many more calls the partner has budget, without those that are placed or about to be."""
    if daily_calls is None:
        return MOST_WAKING
    used = await calling_limits.used(tx, [partner_id]) + await calling_limits.placed(tx, [partner_id])
    under_way: int = (await tx.execute(_UNDER_WAY, {"partner_id": partner_id})).scalar_one()
    return int(daily_calls - used[partner_id] - under_way)


async def _release(tx: Tx, lead_ids: Sequence[int]) -> None:
    if lead_ids:
        await tx.execute(_RELEASE, {"lead_ids": list(lead_ids)})
        await outbox.put(tx, outbox.Kind.WAKE_LEAD, lead_ids)
