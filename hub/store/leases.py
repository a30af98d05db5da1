"""Calls as a pull dialer sees them: lease, heartbeat, report. Each lease has a token that fences out the one before."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from hub.dialing import decision
from hub.errors import Conflict, NotFound
from hub.leads import LeadState, Outcome
from hub.seal import Vault
from hub.store import contacts, events, results
from hub.store.calls import suppressed
from hub.store.contacts import PERSON, RESPONSES, opened
from hub.store.db.engine import Tx
from hub.store.tables import Call, Campaign, Contact, Lead, Partner, Suppression


@dataclass(frozen=True, slots=True)
class Lease:
    """A call that its dialer may start now. `person` is who to call; `token` must come with every word about it."""

    call_id: int
    lead_id: int
    attempt: int
    token: int
    until: datetime
    campaign: str
    language: str | None
    person: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """What a dialer says of a finished call. Times are aware; `responses` are the dialer's own words and values."""

    outcome: Outcome
    callback_at: datetime | None = None
    meeting_at: datetime | None = None
    recording_url: str | None = None
    responses: dict[str, Any] = field(default_factory=dict)


async def lease(tx: Tx, vault: Vault, dialer_id: int, most: int, hold: timedelta) -> list[Lease]:
    """Hand out up to `most` due calls, oldest first, each to one dialer only, for `hold`."""
    now = func.clock_timestamp()
    lapsed = (Call.state == "leased") & (Call.lease_until < now)
    disabled = select(Partner.id).where(Partner.id == Call.partner_id, Partner.disabled_at.is_not(None))
    due = (
        select(Call.id)
        .where(Call.dialer_id == dialer_id, Call.due_at <= now, Call.closes_at > now)
        .where((Call.state == "ready") | lapsed, ~suppressed(Call.phone_hash, Call.partner_id), ~disabled.exists())
        .order_by(Call.due_at, Call.id)
        .limit(most)
        .with_for_update(skip_locked=True, of=Call)
    )
    taken = (
        update(Call)
        .where(Call.id.in_(due.scalar_subquery()))
        .values(
            state="leased",
            token=Call.token + 1,
            leased_at=func.coalesce(Call.leased_at, now),
            lease_until=now + hold,
        )
        .returning(Call.id, Call.lead_id, Call.attempt, Call.token, Call.lease_until)
    )
    rows = (await tx.execute(taken)).all()
    if not rows:
        return []
    people = await _people(tx, vault, [row.lead_id for row in rows])
    return [Lease(row.id, row.lead_id, row.attempt, row.token, row.lease_until, *people[row.lead_id]) for row in rows]


async def _people(tx: Tx, vault: Vault, lead_ids: Sequence[int]) -> dict[int, tuple[str, str | None, dict[str, Any]]]:
    people = (
        select(Lead.id, Lead.language, Campaign.public_id, Contact.wrapped_key, Contact.sealed)
        .join(Contact, Contact.lead_id == Lead.id)
        .join(Campaign, Campaign.id == Lead.campaign_id)
        .where(Lead.id.in_(lead_ids))
    )
    return {
        row.id: (row.public_id, row.language, opened(vault, row.id, row.wrapped_key, row.sealed, PERSON))
        for row in await tx.execute(people)
    }


async def heartbeat(tx: Tx, dialer_id: int, held: Sequence[tuple[int, int]], hold: timedelta) -> set[int]:
    """Prolong the leases given as (call id, token); returns the ids still held, the others are lost."""
    prolonged = (
        update(Call)
        .where(Call.dialer_id == dialer_id, Call.state == "leased", tuple_(Call.id, Call.token).in_(list(held)))
        .values(lease_until=func.clock_timestamp() + hold)
    )
    return set((await tx.execute(prolonged.returning(Call.id))).scalars())


async def report(tx: Tx, vault: Vault, dialer_id: int, call_id: int, token: int, said: Report) -> LeadState:
    """Take the outcome of a leased call; the lead moves on, and all that follows is owed from this commit on.

    The same report again changes nothing. Raises NotFound (no such call of this dialer), Conflict (lease lost).
    """
    row = (await tx.execute(_LOCKED, {"dialer_id": dialer_id, "call_id": call_id})).first()
    if row is None:
        raise NotFound("There is no such call.")
    if row.call_state == "ended" and row.token == token and row.call_outcome == said.outcome:
        return LeadState(row.state)
    if row.call_state != "leased" or row.token != token:
        if said.outcome is Outcome.DO_NOT_CALL and row.called is not None:
            # Whoever holds the call now: the person has said it.
            await suppress(tx, row.partner_id, row.called, "said so on a call")
            return LeadState(row.state)
        raise Conflict("token: this lease was lost; somebody else has the call, or it was withdrawn.")
    if said.recording_url or said.responses or said.meeting_at:
        await _keep_responses(tx, vault, row, said)
    if said.outcome is Outcome.DO_NOT_CALL:
        await suppress(tx, row.partner_id, row.called, "said so on a call")
    state = await _move_on(tx, row, call_id, said)
    if row.heard:
        await events.record(tx, vault, row.partner_id, _new_events(tx, vault, row, call_id, said, state))
    return state


# The lead before its call, as everywhere; the contact too, so that it is read as whoever had the lead before left it.
_LOCKED = text("""
    SELECT lead.*, clock_timestamp() AS now, call.state AS call_state, call.outcome AS call_outcome, call.token,
           call.attempt, call.leased_at, call.phone_hash AS called, campaign.policy, campaign.public_id AS campaign,
           contact.wrapped_key, contact.responses,
           EXISTS (SELECT FROM endpoint WHERE endpoint.partner_id = lead.partner_id AND deleted_at IS NULL) AS heard
    FROM lead
    JOIN call ON call.lead_id = lead.id
    JOIN campaign ON campaign.id = lead.campaign_id
    JOIN contact ON contact.lead_id = lead.id
    WHERE call.id = :call_id AND call.dialer_id = :dialer_id
    FOR UPDATE OF lead, call, contact
""")


async def _keep_responses(tx: Tx, vault: Vault, row: Any, said: Report) -> None:
    if row.wrapped_key is None:
        return
    kept = opened(vault, row.id, row.wrapped_key, row.responses, RESPONSES)
    kept["responses"] = {**kept.get("responses", {}), **said.responses}
    if said.recording_url:
        kept["recording_url"] = said.recording_url
    if said.meeting_at:
        kept["meeting_at"] = said.meeting_at.isoformat()
    await contacts.save_responses(tx, row.id, vault.unwrap(row.wrapped_key), kept)


async def suppress(tx: Tx, partner_id: int | None, phone_hash: bytes, reason: str) -> None:
    """Never call this number again, for one partner or for all (None)."""
    row = insert(Suppression).values(partner_id=partner_id, phone_hash=phone_hash, reason=reason)
    await tx.execute(row.on_conflict_do_nothing())


_MOVE_ON = text("""
    WITH ended AS (
        UPDATE call SET state = 'ended', ended_at = clock_timestamp(), outcome = :outcome, callback_at = :callback_at
        WHERE id = :call_id
    ), moved AS (
        UPDATE lead SET state = :state, dial_at = :dial_at, why = :why, outcome = :outcome, attempts = :attempt,
               called_at = :called_at, updated_at = clock_timestamp(),
               processed_at = CASE WHEN :state = 'done' THEN clock_timestamp() END
        WHERE id = :lead_id
    ), owed AS (
        INSERT INTO outbox (kind, ref) VALUES ('wake_lead', :lead_id)
    )
    SELECT pg_notify('hub_outbox', 'wake_lead')
""")


async def _move_on(tx: Tx, row: Any, call_id: int, said: Report) -> LeadState:
    """End the call; the lead's next state follows from its outcome and the campaign's policy."""
    policy = decision.CallingPolicy.model_validate(row.policy)
    state, dial_at, why = LeadState.DONE, row.dial_at, None
    if not LeadState(row.state).open:
        why = row.why  # stopped while the call was under way: there is no next one
    elif said.outcome is Outcome.CALLBACK and said.callback_at:
        state, dial_at, why = LeadState.SCHEDULED, said.callback_at, "asked to be called back"
    elif said.outcome.redial and row.attempt < policy.max_attempts:
        again = decision.retry_at(row.now, said.outcome, policy)
        state, dial_at, why = LeadState.SCHEDULED, again or row.now, f"redial after {said.outcome}"
    facts = {"call_id": call_id, "lead_id": row.id, "attempt": row.attempt, "called_at": row.leased_at}
    moved = {"state": state.value, "dial_at": dial_at, "why": why}
    ended = {"outcome": said.outcome.value, "callback_at": said.callback_at}
    await tx.execute(_MOVE_ON, facts | moved | ended)
    return state


def _new_events(tx: Tx, vault: Vault, row: Any, call_id: int, said: Report, state: LeadState) -> list[events.NewEvent]:
    lead = {"lead_id": row.id, "api": row.api, "campaign": row.campaign, "outcome": said.outcome}
    call = lead | {
        "call_id": call_id,
        "attempt": row.attempt,
        "called_at": row.leased_at.isoformat(),
        "recording_url": said.recording_url,
        "responses": said.responses,
    }
    said_of = [("call.completed", call)]
    if said.outcome in {Outcome.INTERESTED, Outcome.MEETING_BOOKED}:
        said_of.append(("lead.interested", lead))
    if said.outcome is Outcome.MEETING_BOOKED:
        meeting_at = said.meeting_at.isoformat() if said.meeting_at else None
        said_of.append(("meeting.booked", lead | {"meeting_at": meeting_at}))
    new_events = [events.NewEvent(kind, data, lead_id=row.id) for kind, data in said_of]
    if state is LeadState.DONE:
        new_events.append(results.processed(tx, vault, row, lead | {"attempts": row.attempt}))
    return new_events
