"""Rows that are late, to be compared with their workflows; and what they take over from workflows that know more.

A row is late when its time is past and nothing has become of it. Several sweeps may run: who finds a late row notes it
in `checked_at`, and for a while no other finds it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select, text, update

from hub.actors import Actor, ActorKind
from hub.leads import LeadState, Outcome
from hub.seal import Vault
from hub.store import audit, delivery_queue, erasure, events, results, withdrawals
from hub.store.db.engine import Tx
from hub.store.lead_rows import lock_leads
from hub.store.tables import Lead
from hub.webhooks import DeliveryState, Verdict

GRACE: Final = timedelta(seconds=10)
STARTS_GRACE: Final = timedelta(seconds=30)  # a batch's starts, a discount, a delivery: usually done by then
CHECKED_FOR: Final = timedelta(seconds=30)
RECONCILIATION: Final = Actor(ActorKind.HUB, "reconciliation")

_LEADS = text("""
    UPDATE lead SET checked_at = clock_timestamp() WHERE id IN (SELECT id FROM lead WHERE id IN (
        (SELECT id FROM lead WHERE state = 'scheduled'
             AND coalesce(look_at, dial_at) < statement_timestamp() - CAST(:grace AS interval)
             AND (checked_at IS NULL OR checked_at < statement_timestamp() - CAST(:checked AS interval))
         ORDER BY coalesce(look_at, dial_at) LIMIT :most)
        UNION ALL
        (SELECT id FROM lead WHERE NOT started AND state = 'scheduled'
             AND created_at < statement_timestamp() - CAST(:starts AS interval)
             AND (checked_at IS NULL OR checked_at < statement_timestamp() - CAST(:checked AS interval))
         ORDER BY created_at LIMIT :most)
        UNION ALL
        (SELECT lead.id FROM call JOIN lead ON lead.id = lead_id
         WHERE ended_at IS NULL AND closes_at < statement_timestamp() - CAST(:grace AS interval)
             AND (lease_until IS NULL OR lease_until < statement_timestamp() - CAST(:grace AS interval))
             AND (checked_at IS NULL OR checked_at < statement_timestamp() - CAST(:checked AS interval))
         ORDER BY closes_at LIMIT :most)
    ) LIMIT :most FOR UPDATE SKIP LOCKED) RETURNING id
""")
_DISCOUNTS = text("""
    UPDATE discount SET checked_at = clock_timestamp() WHERE id IN (
        SELECT id FROM discount
        WHERE state = 'taken' AND confirmed
            AND (retried_at IS NOT NULL OR created_at < statement_timestamp() - CAST(:starts AS interval))
            AND (checked_at IS NULL OR checked_at < statement_timestamp() - CAST(:checked AS interval))
        ORDER BY created_at LIMIT :most FOR UPDATE SKIP LOCKED
    ) RETURNING id, partner_id, workflow_token
""")
# Not those in the dispatcher's queue: they have no workflow.
_DELIVERIES = text("""
    UPDATE delivery SET checked_at = clock_timestamp() WHERE id IN (
        SELECT id FROM delivery WHERE state = 'pending' AND queued_at IS NULL
            AND coalesce(next_at, created_at) < statement_timestamp() - CAST(:starts AS interval)
            AND (checked_at IS NULL OR checked_at < statement_timestamp() - CAST(:checked AS interval))
        ORDER BY coalesce(next_at, created_at) LIMIT :most FOR UPDATE SKIP LOCKED
    ) RETURNING id, workflow_token
""")
_RELEASE = {
    table: text(f"UPDATE {table} SET checked_at = NULL WHERE id = ANY(:ids)")  # noqa: S608 - constants
    for table in ("lead", "discount", "delivery")
}


@dataclass(frozen=True, slots=True)
class LateRow:
    """A discount request or a delivery, with its workflow's token. `partner_id`: of a discount request."""

    id: int
    token: str | None
    partner_id: int = 0


async def claim_leads(tx: Tx, most: int) -> list[int]:
    """Open leads that are late: past their due time, their call past its time, or never started."""
    return list((await tx.execute(_LEADS, _times(most) | {"grace": GRACE})).scalars())


async def claim_discounts(tx: Tx, most: int) -> list[LateRow]:
    """Discount requests that are under way for a while, or that an operator lets run again."""
    rows = await tx.execute(_DISCOUNTS, _times(most))
    return [LateRow(row.id, row.workflow_token, row.partner_id) for row in rows]


async def claim_deliveries(tx: Tx, most: int) -> list[LateRow]:
    """Deliveries whose workflow is late with their next attempt."""
    return [LateRow(row.id, row.workflow_token) for row in await tx.execute(_DELIVERIES, _times(most))]


def _times(most: int) -> dict[str, Any]:
    return {"most": most, "starts": STARTS_GRACE, "checked": CHECKED_FOR}


async def release(tx: Tx, table: str, ids: Sequence[int]) -> None:
    """Let these rows of `lead`, `discount` or `delivery` be found again at once: Temporal did not answer."""
    await tx.execute(_RELEASE[table], {"ids": list(ids)})


async def take_lead_end(tx: Tx, vault: Vault, lead_id: int, result: str) -> None:
    """An open lead ends as its workflow did, such as by `done: interested`: the database was restored from a backup."""
    leads = await lock_leads(tx, [lead_id])
    if not leads or not leads[0].state.open:
        return
    lead = leads[0]
    await audit.act_as(tx, RECONCILIATION)
    word, _, why = result.partition(": ")
    state = LeadState(word) if word in set(LeadState) and not LeadState(word).open else LeadState.REFUSED
    if state is LeadState.ERASED:
        await erasure.erase(tx, vault, lead)
        return
    await withdrawals.stop_all(tx, [lead_id])
    now = func.clock_timestamp()
    ended: dict[str, Any] = {"state": state, "why": why or None, "updated_at": now, "started": True}
    if state is LeadState.CANCELLED:
        ended["dedupe_key"] = None
    if state is LeadState.DONE:
        outcome = Outcome(why) if why in set(Outcome) else None
        ended |= {"outcome": outcome, "processed_at": now, "attempts": max(lead.attempts, 1)}
    await tx.execute(update(Lead).where(Lead.id == lead_id).values(ended))
    if state is LeadState.DONE and lead.has_endpoints:
        data = {"lead_id": lead.id, "api": lead.api, "campaign": lead.campaign, "outcome": ended["outcome"]}
        processed = results.processed(tx, vault, lead, data | {"attempts": ended["attempts"]})
        await events.record(tx, vault, lead.partner_id, [processed])


_WAITS = text("""
    UPDATE lead SET state = 'scheduled', dial_at = known.dial_at, look_at = NULL, hold = NULL,
           why = 'waits as its workflow does', started = true,
           updated_at = clock_timestamp()
    FROM unnest(CAST(:ids AS bigint[]), CAST(:due AS timestamptz[])) AS known (id, dial_at), deployment
    WHERE lead.id = known.id AND lead.state IN ('scheduled', 'calling') AND lead.updated_at < deployment.restarted_at
    RETURNING lead.id
""")


async def take_waits(tx: Tx, due: Mapping[int, datetime]) -> set[int]:
    """Leads last changed before PostgreSQL started wait until then, as their workflows do; returns which do."""
    later = set((await tx.execute(_WAITS, {"ids": list(due), "due": list(due.values())})).scalars())
    await withdrawals.stop_all(tx, list(later))
    return later


async def take_later_wait(tx: Tx, lead_id: int, due: datetime) -> None:
    """As `take_waits`, for one lead with an open call, unless that time has come."""
    if due > (await tx.execute(select(func.clock_timestamp()))).scalar_one():
        await take_waits(tx, {lead_id: due})


_DELIVERY_ENDS = text("UPDATE delivery SET state = :state, next_at = NULL WHERE id = :id AND state = 'pending'")
_ENDS = {
    Verdict.DELIVERED: DeliveryState.DELIVERED,
    Verdict.RETRY: DeliveryState.FAILED,
    Verdict.GIVE_UP: DeliveryState.FAILED,
}


async def take_delivery_end(tx: Tx, delivery_id: int, result: str) -> None:
    """A pending delivery ends as its workflow did, such as by `delivered: 200`; otherwise the dispatcher gets it."""
    word = result.partition(": ")[0]
    state = _ENDS.get(Verdict(word)) if word in set(Verdict) else None
    if state is None:
        await delivery_queue.take_over(tx, delivery_id)
    else:
        await tx.execute(_DELIVERY_ENDS, {"id": delivery_id, "state": state.value})
