"""A lead's story: its journal with its events and deliveries, how it stands now and what comes next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import text

from hub import journal
from hub.errors import Conflict, NotFound
from hub.journal import DialerSeen, Entry, Now, OpenCall, Standing
from hub.leads import CallState, Hold, LeadState
from hub.people import MaskedPerson
from hub.seal import Vault
from hub.store import contacts, early_calls
from hub.store.db.engine import Tx
from hub.store.row_ids import possible


@dataclass(frozen=True, slots=True)
class LeadStory:
    """Everything about a lead that may be shown without an audit row. `zones`: those its person may be in."""

    id: int
    api: str
    partner_id: int
    partner: str
    campaign: str | None
    request_id: str | None
    row: int | None
    person: MaskedPerson
    state: LeadState
    outcome: str | None
    attempts: int
    created_at: datetime
    zones: Sequence[str]
    now: Now
    timeline: Sequence[Entry]
    dialers: Mapping[int, DialerSeen]

    def as_json(self) -> dict[str, Any]:
        """Times are aware datetimes; `timeline` from the request to the last delivery."""
        person = self.person
        return {
            "id": self.id,
            "api": self.api,
            "partner_id": self.partner_id,
            "partner": self.partner,
            "campaign": self.campaign,
            "reference": person.reference,
            "request_id": self.request_id,
            "row": self.row,
            "phone": person.phone,
            "name": person.name,
            "email": person.email,
            "state": self.state,
            "outcome": self.outcome,
            "attempts": self.attempts,
            "created_at": self.created_at,
            "zones": list(self.zones),
            "now": self.now.as_json(self.zones),
            "timeline": [entry.as_json(self.dialers) for entry in self.timeline],
        }


_LEAD = text("""
    SELECT lead.id, lead.api, lead.partner_id, partner.name AS partner, campaign.public_id AS campaign, lead.row_index,
           lead.state, lead.why, lead.outcome, lead.attempts, lead.created_at, lead.updated_at, lead.zones, lead.hold,
           lead.started, coalesce(lead.look_at, lead.dial_at) AS next_at, submission.request_id, submission.key_id,
           contact.wrapped_key, contact.sealed
    FROM lead
    JOIN partner ON partner.id = lead.partner_id
    LEFT JOIN campaign ON campaign.id = lead.campaign_id
    LEFT JOIN contact ON contact.lead_id = lead.id
    LEFT JOIN submission ON submission.id = lead.submission_id
    WHERE lead.id = :lead_id AND (CAST(:partner_id AS bigint) IS NULL OR lead.partner_id = :partner_id)
""")


async def lead_story(tx: Tx, vault: Vault, lead_id: int, partner_id: int | None = None) -> LeadStory:
    """The lead, masked. `partner_id`: who asks, if it is a partner: their own leads alone, and nothing of dialers.

    Raises NotFound, and Conflict for a lead whose state only a later version knows.
    """
    lead = (await tx.execute(_LEAD, {"lead_id": possible(lead_id), "partner_id": partner_id})).first()
    if lead is None:
        raise NotFound(f"there is no lead {lead_id}.", field="lead_id")
    entries = [*await _journal(tx, lead_id), *await webhooks(tx, "lead_id", lead_id)]
    calls = (await tx.execute(_CALLS, {"lead_id": lead_id})).all()
    entries += await early_calls.entries(tx, lead, calls, entries)
    dialers = await _dialers(tx, {call.dialer_id for call in calls} | {entry.dialer_id or 0 for entry in entries})
    why = lead.why
    if partner_id is not None:
        why = journal.for_partner(why)
        dialers = {number: replace(dialer, known=False) for number, dialer in dialers.items()}
        entries = [_for_partner(entry) for entry in entries]
    if lead.state not in set(LeadState) or lead.hold not in {None, *Hold}:
        raise Conflict("its state is of a later version of the hub, which this one can't read.", field="lead_id")
    state, hold = LeadState(lead.state), Hold(lead.hold) if lead.hold else None
    call = _open_call(calls, entries, dialers)
    standing = Standing(state, why, lead.outcome, lead.next_at, hold, lead.started, call)
    return LeadStory(
        id=lead.id,
        api=lead.api,
        partner_id=lead.partner_id,
        partner=lead.partner,
        campaign=lead.campaign,
        request_id=lead.request_id,
        row=lead.row_index,
        person=contacts.masked(vault, lead_id, lead.wrapped_key, lead.sealed),
        state=state,
        outcome=lead.outcome,
        attempts=lead.attempts,
        created_at=lead.created_at,
        zones=lead.zones,
        now=journal.stands(standing, lead.zones),
        timeline=sorted(entries, key=lambda entry: entry.at),
        dialers=dialers,
    )


def _for_partner(entry: Entry) -> Entry:
    return replace(entry, by=journal.actor_for_partner(entry.by), why=journal.for_partner(entry.why))


_JOURNAL = text("""
    SELECT journal.created_at AS at, what, actor AS by, why, outcome, submission.request_id, call_id, dialer_id,
           delivery_id, until
    FROM journal LEFT JOIN submission ON submission.id = journal.submission_id
    WHERE journal.lead_id = :lead_id ORDER BY journal.id
""")
_CALLS = text("""
    SELECT id, dialer_id, state, placed_at, closes_at, confirm_start, started_at, leased_at, lease_until, ended_at,
           outcome, reason
    FROM call WHERE lead_id = :lead_id ORDER BY id
""")
_EVENTS = "SELECT public_id AS event_id, type AS why, created_at AS at FROM event WHERE {} = :id"
_ATTEMPTS = """
    SELECT delivery.id AS delivery_id, endpoint_id, event.public_id AS event_id, number, status, failure, duration_ms,
           delivery_attempt.next_at, delivery_attempt.created_at
    FROM event JOIN delivery ON delivery.event_id = event.id
    JOIN delivery_attempt ON delivery_attempt.delivery_id = delivery.id
    WHERE event.{} = :id ORDER BY delivery_attempt.id
"""
_WEBHOOKS = {
    column: (text(_EVENTS.format(column)), text(_ATTEMPTS.format(column))) for column in ("lead_id", "discount_id")
}
_DIALERS = text("""
    SELECT dialer.id, dialer.name, max(api_key.last_used_at) AS last_seen
    FROM dialer LEFT JOIN api_key ON api_key.dialer_id = dialer.id
    WHERE dialer.id = ANY(:dialer_ids) GROUP BY dialer.id
""")


async def _journal(tx: Tx, lead_id: int) -> list[Entry]:
    return [Entry(**row) for row in (await tx.execute(_JOURNAL, {"lead_id": lead_id})).mappings()]


async def webhooks(tx: Tx, subject: Literal["lead_id", "discount_id"], row_id: int) -> list[Entry]:
    """The subject's events and attempts, as long as they are kept; the journal says longer how deliveries ended."""
    of_events, of_attempts = _WEBHOOKS[subject]
    events = (await tx.execute(of_events, {"id": row_id})).mappings()
    attempts = await tx.execute(of_attempts, {"id": row_id})
    return [*(Entry(what="event.recorded", **row) for row in events), *(_attempt(row) for row in attempts)]


def _attempt(row: Any) -> Entry:
    """The entry of one attempt to deliver."""
    result = row.status if row.status is not None else row.failure
    return Entry(
        row.created_at,
        "delivery.attempted",
        event_id=row.event_id,
        delivery_id=row.delivery_id,
        until=row.next_at,
        detail=f"attempt {row.number} to endpoint {row.endpoint_id}: {result} in {row.duration_ms} ms",
    )


_KEPT = text("SELECT id FROM delivery WHERE id = ANY(:delivery_ids)")


async def kept_deliveries(tx: Tx, entries: Iterable[Entry]) -> set[int]:
    """Of the deliveries that the entries name, the ids of those that were not deleted by age."""
    named = {entry.delivery_id for entry in entries} - {None}
    return set((await tx.execute(_KEPT, {"delivery_ids": list(named)})).scalars()) if named else set()


async def _dialers(tx: Tx, dialer_ids: set[int]) -> dict[int, DialerSeen]:
    rows = await tx.execute(_DIALERS, {"dialer_ids": list(dialer_ids)})
    return {row.id: DialerSeen(row.id, row.name, row.last_seen) for row in rows}


_MADE_READY = {"call.placed", "call.moved", "call.returned"}


def _open_call(calls: Iterable[Any], entries: Iterable[Entry], dialers: Mapping[int, DialerSeen]) -> OpenCall | None:
    call = next((call for call in calls if call.ended_at is None), None)
    if call is None:
        return None
    leased = call.state == CallState.LEASED
    ready = [entry.at for entry in entries if entry.call_id == call.id and entry.what in _MADE_READY]
    taken = [entry.at for entry in entries if entry.call_id == call.id and entry.what == "call.leased"]
    return OpenCall(
        id=call.id,
        since=max([call.placed_at, *(taken if leased else ready)]),
        closes_at=call.closes_at,
        leased_until=call.lease_until if leased else None,
        dialled=call.started_at is not None,
        dialer=dialers[call.dialer_id],
    )
