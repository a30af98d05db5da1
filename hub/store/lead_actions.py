"""What operators and partners do with one lead: stop it, have it called now, erase it, see whom it is about."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, update

from hub.actors import Actor
from hub.contracts import registry
from hub.dialing.decision import Allowed, Never, NotYet
from hub.errors import Conflict, NotFound
from hub.journal import at
from hub.leads import LeadState
from hub.people import without_numbers
from hub.seal import Vault
from hub.store import audit, calls, contacts, do_not_call, erasure
from hub.store.db import outbox
from hub.store.db.engine import Tx
from hub.store.lead_rows import LeadRow, lock_leads
from hub.store.row_ids import possible
from hub.store.stops import stop_leads
from hub.store.tables import Lead

STOPPED: Final = "stopped by an operator"
ASKED_NOW: Final = "an operator asked for a call now"


@dataclass(frozen=True, slots=True)
class LeadAnswer:
    """How the lead stands after an action: `text` in words, `next_at` when something happens next."""

    id: int
    state: LeadState
    text: str
    next_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


async def stop_lead(tx: Tx, vault: Vault, actor: Actor, lead_id: int) -> LeadAnswer:
    """No call to the lead starts any more; one that a dialer is making may end. A closed lead stays as it is.

    Raises NotFound.
    """
    lead = await _lock(tx, lead_id)
    if not lead.state.open:
        return LeadAnswer(lead_id, lead.state, _closed(lead))
    await audit.record(tx, actor, "lead.stop", lead_id, partner_id=lead.partner_id)
    await stop_leads(tx, vault, [lead], STOPPED)
    return LeadAnswer(lead_id, LeadState.DISABLED, f"{STOPPED}: no call to it starts any more")


async def suppress_lead(tx: Tx, vault: Vault, actor: Actor, lead_id: int) -> LeadAnswer:
    """Put the lead's number on its partner's do-not-call list, and stop the lead.

    Raises NotFound, and Conflict for a lead without a number.
    """
    lead = await _lock(tx, lead_id)
    if lead.phone_hash is None:
        raise Conflict("it has no number, or was erased.", field="lead_id")
    await do_not_call.add_numbers(tx, actor, lead.partner_id, [lead.phone_hash], f"asked for at lead {lead_id}")
    answer = await stop_lead(tx, vault, actor, lead_id)
    return replace(answer, text=f"its number is not called any more for its partner; {answer.text}")


async def call_now(tx: Tx, actor: Actor, lead_id: int, *, always_open: bool = False) -> LeadAnswer:
    """Make a waiting lead due now. Its rules still judge: hours, do-not-call and limits hold; the answer says which.

    `always_open` as the settings say. Raises NotFound, and Conflict for a lead that is closed.
    """
    lead = await _lock(tx, lead_id)
    if not lead.state.open:
        raise Conflict(f"{_closed(lead)}; it is not called any more.", field="lead_id")
    if lead.state is LeadState.CALLING:
        return LeadAnswer(lead_id, lead.state, "its call is with its dialer already")
    await audit.record(tx, actor, "lead.call_now", lead_id, partner_id=lead.partner_id)
    due = {"dial_at": func.least(Lead.dial_at, func.clock_timestamp()), "look_at": None, "hold": None}
    changed = update(Lead).where(Lead.id == lead_id).values(**due, why=ASKED_NOW, updated_at=func.clock_timestamp())
    await tx.execute(changed)
    await outbox.put(tx, outbox.Kind.WAKE_LEAD, [lead_id])
    return await _expected(tx, lead_id, always_open=always_open)


async def _expected(tx: Tx, lead_id: int, *, always_open: bool) -> LeadAnswer:
    """What its workflow, which is being woken, will find, unless other leads' calls stand against it."""
    [lead] = await lock_leads(tx, [lead_id])
    [judged] = calls.judge([lead], always_open=always_open)
    match judged.decision:
        case Allowed():
            text = "due now: it goes to its dialer within seconds, unless a limit or a do-not-call list forbids it"
            return LeadAnswer(lead_id, lead.state, text, lead.now)
        case NotYet(at=next_at, why=why):
            return LeadAnswer(lead_id, lead.state, f"not called now: {why}; next look at {at(next_at, lead.zones)}",
                              next_at)  # fmt: skip
        case Never(why=why):
            return LeadAnswer(lead_id, lead.state, f"it may never be called: {why}")


async def erase_lead(tx: Tx, vault: Vault, actor: Actor, lead_id: int) -> datetime:
    """As erasure.erase_lead, with its audit row."""
    lead = await _lock(tx, lead_id)
    await audit.record(tx, actor, "lead.erase", lead_id, partner_id=lead.partner_id)
    return await erasure.erase_lead(tx, vault, lead_id)


async def reveal_lead(
    tx: Tx, vault: Vault, actor: Actor, lead_id: int, partner_id: int | None = None
) -> dict[str, Any]:
    """Everything personal of the lead, in plain text: `person` and `responses`. That it was seen is audited.

    With `partner_id` as that partner may see its own lead: without its number, if its API masks phones.
    Raises NotFound, and Conflict for a lead that was erased.
    """
    lead = await _lock(tx, lead_id, partner_id)
    if lead.state is LeadState.ERASED:
        raise Conflict("it was erased, and nothing personal is left of it.", field="lead_id")
    await audit.record(tx, actor, "lead.reveal", lead_id, partner_id=lead.partner_id)
    contact = await contacts.load_contact(tx, vault, lead_id)
    shown = {"id": lead_id, "person": contact.person, "responses": contact.responses}
    masked = partner_id is not None and registry.find(lead.api).masks_phones
    return without_numbers(shown) if masked else shown


async def _lock(tx: Tx, lead_id: int, partner_id: int | None = None) -> LeadRow:
    leads = await lock_leads(tx, [possible(lead_id)])
    if not leads or partner_id not in {None, leads[0].partner_id}:
        raise NotFound(f"there is no lead {lead_id}.", field="lead_id")
    return leads[0]


def _closed(lead: LeadRow) -> str:
    parts = [part for part in (lead.outcome, lead.why) if part]
    return f"it is {lead.state}: {', '.join(parts)}" if parts else f"it is {lead.state}"
