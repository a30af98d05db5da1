"""A lead's calls as its workflow sees them: placed when it is allowed, taken back when it is not any more.

Whoever changes a lead or its call locks the lead first, so that claims, cancels and outcomes take turns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select, text, update

from hub.dialing import decision
from hub.leads import LeadState
from hub.phones import grade_or_refusal
from hub.seal import Vault
from hub.store import events, results
from hub.store.db.engine import Tx
from hub.store.tables import Call, Lead, Suppression

DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Placed:
    """A call is with its dialer, who may start it until `until`."""

    call_id: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """No call before `at`; `why` in plain words, without personal data."""

    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Closed:
    """No call ever again: the lead is in a final state."""

    state: LeadState
    why: str


Standing = Placed | Waiting | Closed


async def advance(tx: Tx, vault: Vault, lead_id: int, *, always_open: bool = False) -> Standing:
    """Give the lead's next call to its dialer, if the lead is due and the call allowed now; say how the lead stands.

    A call that no dialer took in its time is taken back first. Safe to run twice: an open call stays as it is.
    """
    lead = await _locked(tx, lead_id)
    if lead.state == LeadState.CALLING and await withdraw(tx, lead_id, expired_at=lead.now) is None:
        return await _placed(tx, lead_id)
    if not LeadState(lead.state).open:
        return Closed(LeadState(lead.state), lead.outcome or lead.why or "")
    verdict = await _judge(tx, lead, always_open=always_open)
    if isinstance(verdict, decision.Allowed):
        return await _place(tx, vault, lead, verdict.until)
    if isinstance(verdict, decision.NotYet):
        if (LeadState.SCHEDULED, verdict.at, verdict.why) != (lead.state, lead.dial_at, lead.why):
            await _set(tx, lead_id, state=LeadState.SCHEDULED, dial_at=verdict.at, why=verdict.why)
        return Waiting(verdict.at, verdict.why)
    return await _refuse(tx, vault, lead, verdict.why)


async def withdraw(tx: Tx, lead_id: int, *, expired_at: datetime | None = None) -> bool | None:
    """Take back the lead's open call. None: there was none (left); else whether a dialer had it already.

    With `expired_at` only a call that may not start any more, and that no dialer holds.
    """
    mine = update(Call).where(Call.lead_id == lead_id, Call.ended_at.is_(None))
    if expired_at is not None:
        held = (Call.state == "leased") & (Call.lease_until > expired_at)
        mine = mine.where(Call.closes_at <= expired_at, ~held)
    ended = mine.values(state="withdrawn", ended_at=func.clock_timestamp(), token=Call.token + 1)
    row = (await tx.execute(ended.returning(Call.leased_at))).first()
    return None if row is None else row.leased_at is not None


async def stop(tx: Tx, lead_id: int) -> bool:
    """See to it that no call of the lead starts any more; returns whether a dialer ever had one.

    A call that a dialer holds may end, and its outcome will be heard. The lead is locked by the caller.
    """
    await stop_all(tx, [lead_id])
    had = select(Call.id).where(Call.lead_id == lead_id, Call.leased_at.is_not(None)).limit(1)
    return (await tx.execute(had)).first() is not None


async def stop_all(tx: Tx, lead_ids: Sequence[int]) -> set[int]:
    """As `stop`, for any number of leads; returns those with whom a dialer is speaking now."""
    now = func.clock_timestamp()
    held = (Call.state == "leased") & (Call.lease_until > now)
    mine = select(Call.id, Call.lead_id, held.label("held")).where(Call.lead_id == func.any(list(lead_ids)))
    rows = (await tx.execute(mine.where(Call.ended_at.is_(None)).order_by(Call.id).with_for_update())).all()
    if under_way := [row.id for row in rows if row.held]:
        await tx.execute(update(Call).where(Call.id == func.any(under_way)).values(closes_at=now))
    if waiting := [row.id for row in rows if not row.held]:
        taken_back = {"state": "withdrawn", "ended_at": now, "token": Call.token + 1}
        await tx.execute(update(Call).where(Call.id == func.any(waiting)).values(taken_back))
    return {row.lead_id for row in rows if row.held}


# All that a decision needs, and both locks: the lead's, and its number's, so that caps count one claim at a time.
_LOCKED = text("""
    SELECT lead.*, clock_timestamp() AS now, campaign.policy, campaign.dialer_id, campaign.public_id AS campaign,
           partner.disabled_at, partner.daily_calls,
           pg_advisory_xact_lock(('x' || encode(substring(lead.phone_hash, 1, 8), 'hex'))::bit(64)::bigint),
           EXISTS (SELECT FROM endpoint WHERE endpoint.partner_id = lead.partner_id AND deleted_at IS NULL) AS heard
    FROM lead
    JOIN partner ON partner.id = lead.partner_id
    LEFT JOIN campaign ON campaign.id = lead.campaign_id
    WHERE lead.id = :lead_id
    FOR UPDATE OF lead
""")


async def _locked(tx: Tx, lead_id: int) -> Any:
    return (await tx.execute(_LOCKED, {"lead_id": lead_id})).one()


async def _placed(tx: Tx, lead_id: int) -> Placed:
    until = func.greatest(Call.closes_at, Call.lease_until)
    call = select(Call.id, until.label("until")).where(Call.lead_id == lead_id, Call.ended_at.is_(None))
    row = (await tx.execute(call)).one()
    return Placed(row.id, row.until)


async def _judge(tx: Tx, lead: Any, *, always_open: bool) -> decision.Decision:
    """Everything that can forbid or delay a call, cheapest first."""
    if lead.disabled_at is not None:
        return decision.NotYet(lead.now + timedelta(minutes=5), "the partner is disabled")
    if lead.phone_hash is None or lead.dialer_id is None:
        return decision.Never("there is no number, or no campaign to call it for")
    overrides = {**lead.policy, "open_always": True} if always_open else lead.policy
    rules = decision.policy_for(lead.region, frozenset(lead.states), overrides)
    if blocked_reason := decision.blocked_reason(grade_or_refusal(lead.grade), lead.region, rules.policy):
        return decision.Never(blocked_reason)
    not_after = lead.created_at + rules.policy.expires_after if rules.policy.expires_after else None
    when = decision.decide(lead.now, zones=tuple(lead.zones), rules=rules, not_before=lead.dial_at, not_after=not_after)
    return await _judge_number(tx, lead, rules) or when if isinstance(when, decision.Allowed) else when


_NUMBER = text("""
    SELECT EXISTS (SELECT FROM suppression WHERE phone_hash = :phone_hash
                   AND (partner_id IS NULL OR partner_id = :partner_id)) AS suppressed,
           ARRAY(SELECT placed_at FROM call WHERE phone_hash = :phone_hash AND placed_at > :since
                 AND (leased_at IS NOT NULL OR ended_at IS NULL)) AS calls,
           CASE WHEN CAST(:counted AS boolean) THEN
                (SELECT count(*) FROM call WHERE partner_id = :partner_id AND placed_at > :since
                 AND (leased_at IS NOT NULL OR ended_at IS NULL)) END AS of_partner
""")


async def _judge_number(tx: Tx, lead: Any, rules: decision.DialingRules) -> decision.NotYet | decision.Never | None:
    """Do-not-call, and the caps that count other calls."""
    subject = {"phone_hash": lead.phone_hash, "partner_id": lead.partner_id, "since": lead.now - DAY}
    facts = (await tx.execute(_NUMBER, {**subject, "counted": lead.daily_calls is not None})).one()
    if facts.suppressed:
        return decision.Never("the number is on the do-not-call list")
    if capped := decision.capped_until(lead.now, facts.calls, rules):
        return decision.NotYet(capped, f"the number was called {len(facts.calls)} times within 24 hours")
    if lead.daily_calls is None or facts.of_partner < lead.daily_calls:
        return None
    return decision.NotYet(lead.now + timedelta(minutes=15), "the partner's budget of calls for 24 hours is used up")


def suppressed(phone_hash: Any, partner_id: Any) -> ColumnElement[bool]:
    """Whether the number is on the do-not-call list of this partner, or of all."""
    of_partner = Suppression.partner_id.is_(None) | (Suppression.partner_id == partner_id)
    return select(Suppression.id).where(Suppression.phone_hash == phone_hash, of_partner).exists()


async def _refuse(tx: Tx, vault: Vault, lead: Any, why: str) -> Closed:
    await _set(tx, lead.id, state=LeadState.REFUSED, why=why, processed_at=func.clock_timestamp())
    data = {"lead_id": lead.id, "api": lead.api, "campaign": lead.campaign, "outcome": None, "refused": why}
    await events.record(tx, vault, lead.partner_id, [results.processed(tx, vault, lead, data)])
    return Closed(LeadState.REFUSED, why)


_PLACE = text("""
    WITH placed AS (
        INSERT INTO call (lead_id, partner_id, dialer_id, attempt, state, phone_hash, due_at, closes_at)
        VALUES (:lead_id, :partner_id, :dialer_id, :attempt, 'ready', :phone_hash, :due_at, :until) RETURNING id
    ), moved AS (
        UPDATE lead SET state = 'calling', why = NULL, updated_at = clock_timestamp() WHERE id = :lead_id
    )
    SELECT id, pg_notify('hub_calls', CAST(:dialer AS text)) FROM placed
""")


async def _place(tx: Tx, vault: Vault, lead: Any, until: datetime) -> Placed:
    call = {
        "lead_id": lead.id,
        "partner_id": lead.partner_id,
        "dialer_id": lead.dialer_id,
        "dialer": str(lead.dialer_id),
        "attempt": lead.attempts + 1,
        "phone_hash": lead.phone_hash,
        "due_at": lead.dial_at,
        "until": until,
    }
    call_id = int((await tx.execute(_PLACE, call)).scalar_one())
    if lead.heard:
        data = {"lead_id": lead.id, "campaign": lead.campaign, "call_id": call_id, "attempt": lead.attempts + 1}
        scheduled = events.NewEvent("call.scheduled", data | {"due_at": lead.dial_at.isoformat()}, lead_id=lead.id)
        await events.record(tx, vault, lead.partner_id, [scheduled])
    return Placed(call_id, until)


async def _set(tx: Tx, lead_id: int, **values: object) -> None:
    await tx.execute(update(Lead).where(Lead.id == lead_id).values(updated_at=func.clock_timestamp(), **values))
