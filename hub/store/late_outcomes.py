"""A better outcome of a call that has ended: its lead's redials stop, its result is raised. Nothing is ever lowered."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text

from hub.leads import LeadState, Outcome
from hub.seal import Vault
from hub.store import contacts, events, results, withdrawals
from hub.store.db import outbox
from hub.store.db.engine import Tx
from hub.store.lead_rows import LeadRow, lock_leads


@dataclass(frozen=True, slots=True)
class LateOutcome:
    """What is reported of a call after its end. The time is aware; `responses` are the reporter's own words."""

    outcome: Outcome
    responses: dict[str, Any] = field(default_factory=dict)
    recording_url: str | None = None
    meeting_at: datetime | None = None


_LEAD_OF_CALL = text("SELECT lead_id FROM call WHERE id = :call_id")
_LOCK_CALL = text("SELECT outcome, attempt FROM call WHERE id = :call_id FOR UPDATE")
# A call that is spoken of was made, also when its dialer confirmed no start.
_END_CALL = text("""
    UPDATE call SET state = 'ended', outcome = :outcome, reason = NULL,
           started_at = coalesce(started_at, ended_at, clock_timestamp()),
           ended_at = coalesce(ended_at, clock_timestamp())
    WHERE id = :call_id RETURNING started_at
""")
_RAISE_LEAD = text("""
    UPDATE lead SET state = :state, why = :why, outcome = :outcome, attempts = greatest(attempts, :attempt),
           called_at = greatest(called_at, CAST(:called_at AS timestamptz)), look_at = NULL, hold = NULL,
           processed_at = clock_timestamp(), updated_at = clock_timestamp()
    WHERE id = :lead_id
""")


_NOTE = text("UPDATE call SET agent_reported_at = coalesce(agent_reported_at, clock_timestamp()) WHERE id = :call_id")


async def note_agent_report(tx: Tx, call_id: int) -> None:
    """An agent has reported interest on this call: its dialer may say less of it, and changes nothing."""
    await tx.execute(_NOTE, {"call_id": call_id})


async def raise_outcome(tx: Tx, vault: Vault, call_id: int, late: LateOutcome) -> None:
    """Raise the call's outcome, and its lead's; nothing happens when what is known of the call is as good.

    No call of the lead starts any more; one that a dialer holds may end. A lead that was stopped stays so.
    """
    lead_id = (await tx.execute(_LEAD_OF_CALL, {"call_id": call_id})).scalar_one()
    [lead] = await lock_leads(tx, [lead_id])
    call = (await tx.execute(_LOCK_CALL, {"call_id": call_id})).one()
    if lead.state is LeadState.ERASED or not late.outcome.outranks(_outcome(call.outcome)):
        return
    if lead.state.open:
        await withdrawals.stop_all(tx, [lead_id])
        await outbox.put(tx, outbox.Kind.WAKE_LEAD, [lead_id])
    called_at = (await tx.execute(_END_CALL, {"call_id": call_id, "outcome": late.outcome})).scalar_one()
    await _save_responses(tx, vault, lead_id, late)
    before = _outcome(lead.outcome)
    if not late.outcome.outranks(before):
        return
    raised = {
        "lead_id": lead_id,
        "state": LeadState.DONE if lead.state.open else lead.state,
        "why": None if lead.state.open else lead.why,
        "outcome": late.outcome,
        "attempt": call.attempt,
        "called_at": called_at,
    }
    await tx.execute(_RAISE_LEAD, raised)
    if lead.has_endpoints:
        await events.record(tx, vault, lead.partner_id, _new_events(tx, vault, lead, before, late))


def _outcome(stored: str | None) -> Outcome | None:
    return Outcome(stored) if stored else None


async def _save_responses(tx: Tx, vault: Vault, lead_id: int, late: LateOutcome) -> None:
    contact = await contacts.load_contact(tx, vault, lead_id)
    known = dict(contact.responses)
    known["responses"] = {**known.get("responses", {}), **late.responses}
    if late.recording_url:
        known["recording_url"] = late.recording_url
    if late.meeting_at:
        known["meeting_at"] = late.meeting_at.isoformat()
    await contacts.save_responses(tx, lead_id, contact.key, known)


def _new_events(
    tx: Tx, vault: Vault, lead: LeadRow, before: Outcome | None, late: LateOutcome
) -> list[events.NewEvent]:
    data = {"lead_id": lead.id, "api": lead.api, "campaign": lead.campaign, "outcome": late.outcome}
    new: list[events.NewEvent] = []
    if late.outcome.wanted and not (before and before.wanted):
        new.append(events.NewEvent("lead.interested", data, lead_id=lead.id))
    if late.outcome is Outcome.MEETING_BOOKED:
        meeting_at = late.meeting_at.isoformat() if late.meeting_at else None
        new.append(events.NewEvent("meeting.booked", data | {"meeting_at": meeting_at}, lead_id=lead.id))
    new.append(results.processed(tx, vault, lead, data | {"attempts": lead.attempts}))
    return new
