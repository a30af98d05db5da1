"""A lead's calls as its workflow sees them: each is placed with its dialer when it is due and allowed.

Whoever changes a lead or its call locks the lead first, so that leases, cancels and outcomes take turns. All here is
done for any number of leads at once, in a fixed number of statements.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import func, select, text

from hub.dialing import decision
from hub.dialing.policy import DialingRules
from hub.leads import CallState, LeadState
from hub.phones import grade_or_refusal
from hub.seal import Vault
from hub.store import calling_limits, dialers, events, results
from hub.store.calling_limits import Candidate
from hub.store.db.engine import Tx
from hub.store.dialers import DialerCall
from hub.store.lead_rows import LeadRow, lock_leads
from hub.store.tables import Call
from hub.store.withdrawals import withdraw_expired, withdraw_waiting

UNSETTLED_WAIT = timedelta(seconds=2)
NOT_JUDGED_WAIT = timedelta(minutes=15)
NO_SUCH_LEAD = "there is no such lead: the database was restored from a backup that is older"


@dataclass(frozen=True, slots=True)
class Placed:
    """A call is with its dialer, who may start it until `until`. `request_id`, here and below: see LeadRow."""

    call_id: int
    until: datetime
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """No call before `at`; `why` in plain words, without personal data.

    `held`: it waits for a change of its partner, and `at` is only when to look whether that was missed.
    """

    at: datetime
    why: str
    held: bool = False
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    """No call ever again: the lead is in a final state."""

    state: LeadState
    why: str
    request_id: str | None = None


Position = Placed | Waiting | Closed


async def advance(tx: Tx, vault: Vault, lead_ids: Sequence[int], *, always_open: bool = False) -> dict[int, Position]:
    """Give each lead's next call to its dialer, if the lead is due and the call allowed now; say how each lead stands.

    A call that no dialer took in its time is withdrawn first, and one that waits for its dialer is judged again. Safe
    to run twice: a call that may still be made stays as it is.
    """
    leads = await lock_leads(tx, lead_ids)
    gone = set(lead_ids) - {lead.id for lead in leads}
    positions: dict[int, Position] = {lead_id: Closed(LeadState.ERASED, NO_SUCH_LEAD) for lead_id in gone}
    positions |= {lead.id: Closed(lead.state, lead.outcome or lead.why or "") for lead in leads if not lead.state.open}
    waiting: dict[int, OpenCall] = {}
    if calling := [lead for lead in leads if lead.state is LeadState.CALLING]:
        await withdraw_expired(tx, [lead.id for lead in calling])
        open_calls = await _open_calls(tx, calling)
        positions |= {lead_id: Placed(call.id, call.until) for lead_id, call in open_calls.items() if not call.ready}
        waiting = {lead_id: call for lead_id, call in open_calls.items() if call.ready}
    judged = judge([lead for lead in leads if lead.id not in positions], always_open=always_open)
    judged = await _apply_limits(tx, judged)
    stay = {
        each.lead.id: Placed(call.id, call.until)
        for each in judged
        if isinstance(each.decision, decision.Allowed) and (call := waiting.get(each.lead.id)) and not call.outdated
    }
    await withdraw_waiting(tx, [lead_id for lead_id in waiting if lead_id not in stay])
    positions |= stay | await _carry_out(tx, vault, [each for each in judged if each.lead.id not in stay])
    requests = {lead.id: lead.request_id for lead in leads}
    return {lead_id: replace(at, request_id=requests.get(lead_id)) for lead_id, at in positions.items()}


@dataclass(frozen=True, slots=True)
class Judged:
    """A lead with what its rules say of a call now."""

    lead: LeadRow
    rules: DialingRules | None
    decision: decision.Decision


_Rules = dict[tuple[int | None, str | None, tuple[str, ...]], DialingRules]


def judge(leads: Sequence[LeadRow], *, always_open: bool) -> list[Judged]:
    """Everything that can forbid or delay a call, but what other rows say (calling_limits). Pure."""
    rules: _Rules = {}
    return [_judge(lead, rules, always_open=always_open) for lead in leads]


def _judge(lead: LeadRow, rules: _Rules, *, always_open: bool) -> Judged:
    if lead.phone_hash is None or lead.dialer_id is None:
        return Judged(lead, None, decision.Never("there is no number, or no campaign to call it for"))
    if lead.dialer_kind not in dialers.DIALERS:
        why = f"dialer {lead.dialer_id} is of a kind that this version does not know"
        return Judged(lead, None, decision.NotYet(lead.now + NOT_JUDGED_WAIT, why))
    try:
        key = lead.campaign_id, lead.region, tuple(lead.states)
        if key not in rules:
            overrides = {**lead.policy, "open_always": True} if always_open else lead.policy
            rules[key] = decision.policy_for(lead.region, frozenset(lead.states), overrides)
        return Judged(lead, rules[key], _decide(lead, rules[key]))
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        # One lead that can't be judged (a policy of a later version, a time out of range) holds up no other.
        why = f"cannot be judged: {type(error).__name__}"
        return Judged(lead, None, decision.NotYet(lead.now + NOT_JUDGED_WAIT, why))


def _decide(lead: LeadRow, rules: DialingRules) -> decision.Decision:
    if reason := decision.blocked_reason(grade_or_refusal(lead.grade or ""), lead.region, rules.policy):
        return decision.Never(reason)
    not_after = lead.created_at + rules.policy.expires_after if rules.policy.expires_after else None
    return decision.decide(lead.now, zones=tuple(lead.zones), rules=rules, not_before=lead.dial_at, not_after=not_after)


async def _apply_limits(tx: Tx, judged: Sequence[Judged]) -> list[Judged]:
    """The limits that follow from other rows, for the leads that may be called otherwise."""
    allowed = [each for each in judged if isinstance(each.decision, decision.Allowed)]
    if not allowed:
        return list(judged)
    candidates = [_candidate(each) for each in allowed]
    limits = await calling_limits.load_for_placing(tx, candidates, [each.lead.id for each in allowed])
    limited = {
        each.lead.id: _until_closed(each.decision, refusal)
        for index, each in enumerate(allowed)
        if (refusal := limits.refusal(index, candidates[index])) is not None
    }
    return [Judged(each.lead, each.rules, limited.get(each.lead.id, each.decision)) for each in judged]


def _until_closed(allowed: decision.Decision, refusal: decision.Decision) -> decision.Decision:
    """A held lead looks again when its hours end or it expires, so that it says what it waits for then."""
    if isinstance(refusal, decision.NotYet) and refusal.hold and isinstance(allowed, decision.Allowed):
        return replace(refusal, at=min(refusal.at, allowed.until))
    return refusal


def _candidate(each: Judged) -> Candidate:
    lead, rules = each.lead, each.rules
    assert rules is not None  # noqa: S101 - what has no rules is not Allowed
    return Candidate(lead.partner_id, lead.phone_hash, rules.max_per_day, lead.partner_disabled, lead.daily_calls)


async def _carry_out(tx: Tx, vault: Vault, judged: Sequence[Judged]) -> dict[int, Position]:
    place = [each for each in judged if isinstance(each.decision, decision.Allowed)]
    wait = [(each.lead, each.decision) for each in judged if isinstance(each.decision, decision.NotYet)]
    refuse = [(each.lead, each.decision) for each in judged if isinstance(each.decision, decision.Never)]
    positions: dict[int, Position] = {}
    if place:
        positions |= await _place(tx, vault, place)
    if wait:
        positions |= await _reschedule(tx, wait)
    if refuse:
        positions |= await _refuse(tx, vault, refuse)
    return positions


_PLACE = text("""
    WITH wanted AS (
        SELECT * FROM unnest(
            CAST(:lead_ids AS bigint[]), CAST(:partners AS bigint[]), CAST(:dialers AS bigint[]),
            CAST(:attempts AS bigint[]), CAST(:hashes AS bytea[]), CAST(:due AS timestamptz[]),
            CAST(:closes AS timestamptz[]), CAST(:caps AS bigint[]), CAST(:policies AS text[])
        ) AS wanted (lead_id, partner_id, dialer_id, attempt, phone_hash, due_at, closes_at, max_per_day, policy_hash)
    ), placed AS (
        INSERT INTO call (lead_id, partner_id, dialer_id, attempt, state, phone_hash, due_at, closes_at, max_per_day,
                          policy_hash)
        SELECT lead_id, partner_id, dialer_id, attempt, 'ready', phone_hash, due_at, closes_at, max_per_day,
               policy_hash FROM wanted
        RETURNING id, lead_id
    ), moved AS (
        UPDATE lead SET state = 'calling', why = NULL, look_at = NULL, hold = NULL, started = true,
               updated_at = clock_timestamp()
        FROM wanted WHERE lead.id = wanted.lead_id
    )
    SELECT id, lead_id FROM placed
""")


async def _place(tx: Tx, vault: Vault, allowed: Sequence[Judged]) -> dict[int, Position]:
    leads = [each.lead for each in allowed]
    until = {each.lead.id: each.decision.until for each in allowed if isinstance(each.decision, decision.Allowed)}
    calls = {
        "lead_ids": [lead.id for lead in leads],
        "partners": [lead.partner_id for lead in leads],
        "dialers": [lead.dialer_id for lead in leads],
        "attempts": [lead.attempts + 1 for lead in leads],
        "hashes": [lead.phone_hash for lead in leads],
        "due": [lead.dial_at for lead in leads],
        "closes": [until[lead.id] for lead in leads],
        "caps": [each.rules.max_per_day if each.rules else None for each in allowed],
        "policies": [lead.policy_hash for lead in leads],
    }
    ids = {row.lead_id: row.id for row in await tx.execute(_PLACE, calls)}
    await dialers.place(tx, (DialerCall(ids[each.id], each.dialer_id or 0, each.dialer_kind or "") for each in leads))
    await _record_scheduled(tx, vault, leads, ids)
    return {lead.id: Placed(ids[lead.id], until[lead.id]) for lead in leads}


async def _record_scheduled(tx: Tx, vault: Vault, leads: Sequence[LeadRow], call_ids: Mapping[int, int]) -> None:
    by_partner: defaultdict[int, list[events.NewEvent]] = defaultdict(list)
    for lead in leads:
        if lead.has_endpoints:
            data = {"lead_id": lead.id, "campaign": lead.campaign, "call_id": call_ids[lead.id]}
            data |= {"attempt": lead.attempts + 1, "due_at": lead.dial_at.isoformat()}
            by_partner[lead.partner_id].append(events.NewEvent("call.scheduled", data, lead_id=lead.id))
    for partner_id, new_events in by_partner.items():
        await events.record(tx, vault, partner_id, new_events)


# When the lead is due stays as it is: by that its calls are ordered.
_RESCHEDULE = text("""
    UPDATE lead SET state = 'scheduled', look_at = wanted.look_at, hold = wanted.hold, why = wanted.why, started = true,
           updated_at = clock_timestamp()
    FROM unnest(CAST(:lead_ids AS bigint[]), CAST(:looks AS timestamptz[]), CAST(:holds AS text[]),
                CAST(:reasons AS text[])) AS wanted (lead_id, look_at, hold, why)
    WHERE lead.id = wanted.lead_id AND (lead.state, lead.look_at, lead.hold, lead.why, lead.started)
          IS DISTINCT FROM ('scheduled', wanted.look_at, wanted.hold, wanted.why, true)
""")


async def _reschedule(tx: Tx, waiting: Sequence[tuple[LeadRow, decision.NotYet]]) -> dict[int, Position]:
    wanted = {
        "lead_ids": [lead.id for lead, _ in waiting],
        "looks": [not_yet.at for _, not_yet in waiting],
        "holds": [not_yet.hold for _, not_yet in waiting],
        "reasons": [not_yet.why for _, not_yet in waiting],
    }
    await tx.execute(_RESCHEDULE, wanted)
    return {lead.id: Waiting(not_yet.at, not_yet.why, not_yet.hold is not None) for lead, not_yet in waiting}


_REFUSE = text("""
    UPDATE lead SET state = 'refused', why = wanted.why, look_at = NULL, hold = NULL, started = true,
           processed_at = clock_timestamp(), updated_at = clock_timestamp()
    FROM unnest(CAST(:lead_ids AS bigint[]), CAST(:reasons AS text[])) AS wanted (lead_id, why)
    WHERE lead.id = wanted.lead_id
""")


async def _refuse(tx: Tx, vault: Vault, refused: Sequence[tuple[LeadRow, decision.Never]]) -> dict[int, Position]:
    reasons = {"lead_ids": [lead.id for lead, _ in refused], "reasons": [never.why for _, never in refused]}
    await tx.execute(_REFUSE, reasons)
    for lead, never in refused:
        if lead.has_endpoints:
            data = {"lead_id": lead.id, "api": lead.api, "campaign": lead.campaign, "outcome": None}
            processed = results.processed(tx, vault, lead, data | {"refused": never.why})
            await events.record(tx, vault, lead.partner_id, [processed])
    return {lead.id: Closed(LeadState.REFUSED, never.why) for lead, never in refused}


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call that has not ended. `ready`: no dialer has it; `outdated`: it was placed under another policy.

    A lease that was lost a moment ago is still to be settled, so that `until` lies ahead in any case.
    """

    id: int
    until: datetime
    ready: bool
    outdated: bool


async def _open_calls(tx: Tx, leads: Sequence[LeadRow]) -> dict[int, OpenCall]:
    policies = {lead.id: lead.policy_hash for lead in leads}
    until = func.greatest(Call.closes_at, Call.lease_until, func.clock_timestamp() + UNSETTLED_WAIT)
    columns = select(Call.id, Call.lead_id, Call.state, Call.policy_hash, until.label("until"))
    mine = columns.where(Call.lead_id == func.any(list(policies)), Call.ended_at.is_(None)).with_for_update()
    return {
        row.lead_id: OpenCall(
            row.id,
            row.until,
            ready=row.state == CallState.READY,
            outdated=row.policy_hash is not None and row.policy_hash != policies[row.lead_id],
        )
        for row in await tx.execute(mine)
    }
