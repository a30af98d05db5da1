"""Leads that are not called any more, because their sender or an operator says so."""

from collections.abc import Sequence

from sqlalchemy import func, update

from hub.leads import LeadState
from hub.seal import Vault
from hub.store import events, results, withdrawals
from hub.store.db import outbox
from hub.store.db.engine import Tx
from hub.store.lead_rows import LeadRow
from hub.store.tables import Lead


async def stop_leads(tx: Tx, vault: Vault, leads: Sequence[LeadRow], why: str) -> None:
    """No call to these leads, locked by the caller, starts any more; closed ones stay as they are.

    A call that a dialer holds may end, and its outcome will be recorded. Who was called before is processed now, by the
    last outcome.
    """
    open_leads = [lead for lead in leads if lead.state.open]
    ids = [lead.id for lead in open_leads]
    held = await withdrawals.stop_all(tx, ids)
    ended = {"state": LeadState.DISABLED, "why": why, "look_at": None, "hold": None}
    mine = update(Lead).where(Lead.id == func.any(ids))
    await tx.execute(mine.values(**ended, updated_at=func.clock_timestamp()))
    await outbox.put(tx, outbox.Kind.WAKE_LEAD, ids)
    called = [lead for lead in open_leads if lead.outcome is not None and lead.id not in held]
    processed = update(Lead).where(Lead.id == func.any([lead.id for lead in called]))
    await tx.execute(processed.values(processed_at=func.clock_timestamp()))
    for lead in called:
        data = {"lead_id": lead.id, "api": lead.api, "campaign": lead.campaign, "outcome": lead.outcome}
        new = results.processed(tx, vault, lead, data | {"attempts": lead.attempts})
        await events.record(tx, vault, lead.partner_id, [new])
