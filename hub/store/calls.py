"""A lead's calls as its workflow sees them: each is placed with its dialer when it is due and allowed.

Whoever changes a lead or its call locks the lead first, so that leases, cancels and outcomes take turns. All here is
done for any number of leads at once, in a fixed number of statements.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, text

from hub.dialing import decision
from hub.dialing.policy import DialingRules
from hub.leads import LeadState
from hub.phones import grade_or_refusal
from hub.seal import Vault
from hub.store import dialers, events, results
from hub.store.db.engine import Tx
from hub.store.dialers import DialerCall
from hub.store.lead_rows import LeadRow, lock_leads
from hub.store.tables import Call
from hub.store.withdrawals import withdraw_expired

DAY = timedelta(hours=24)
PARTNER_DISABLED_WAIT = timedelta(minutes=5)
BUDGET_WAIT = timedelta(minutes=15)
NOT_JUDGED_WAIT = timedelta(minutes=15)
NO_SUCH_LEAD = "there is no such lead: the database was restored from a backup that is older"


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


Position = Placed | Waiting | Closed


async def advance(tx: Tx, vault: Vault, lead_ids: Sequence[int], *, always_open: bool = False) -> dict[int, Position]:
    """Give each lead's next call to its dialer, if the lead is due and the call allowed now; say how each lead stands.

    A call that no dialer took in its time is withdrawn first. Safe to run twice: an open call stays as it is.
    """
    leads = await lock_leads(tx, lead_ids)
    positions: dict[int, Position] = {}
    if calling := [lead.id for lead in leads if lead.state is LeadState.CALLING]:
        await withdraw_expired(tx, calling)
        positions |= await _open_calls(tx, calling)
    known = {lead.id for lead in leads}
    positions |= {lead_id: Closed(LeadState.ERASED, NO_SUCH_LEAD) for lead_id in lead_ids if lead_id not in known}
    closed = [lead for lead in leads if not lead.state.open]
    positions |= {lead.id: Closed(lead.state, lead.outcome or lead.why or "") for lead in closed}
    judged = judge([lead for lead in leads if lead.id not in positions], always_open=always_open)
    judged = await _apply_number_limits(tx, judged)
    return positions | await _carry_out(tx, vault, judged)


@dataclass(frozen=True, slots=True)
class Judged:
    """A lead with what its rules say of a call now."""

    lead: LeadRow
    rules: DialingRules | None
    decision: decision.Decision


def judge(leads: Sequence[LeadRow], *, always_open: bool) -> list[Judged]:
    """Everything that can forbid or delay a call, but what other calls to the number say. Pure."""
    rules: dict[tuple[int | None, str | None, tuple[str, ...]], DialingRules] = {}
    return [_judge(lead, rules, always_open=always_open) for lead in leads]


def _judge(lead: LeadRow, rules: dict[tuple[int | None, str | None, tuple[str, ...]], DialingRules], *,
           always_open: bool) -> Judged:  # fmt: skip
    if lead.partner_disabled:
        return Judged(lead, None, decision.NotYet(lead.now + PARTNER_DISABLED_WAIT, "the partner is disabled"))
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


# The locks first, each number's in one order: of two claims of a number the second counts the first's call.
_LOCK_NUMBERS = text("SELECT pg_advisory_xact_lock(number) FROM unnest(CAST(:numbers AS bigint[])) AS number")
_NUMBERS = text("""
    SELECT wanted.lead_id,
           EXISTS (SELECT FROM suppression WHERE suppression.phone_hash = wanted.phone_hash
                   AND (suppression.partner_id IS NULL OR suppression.partner_id = wanted.partner_id)) AS suppressed,
           ARRAY(SELECT placed_at FROM call WHERE call.phone_hash = wanted.phone_hash AND placed_at > :since
                 AND (leased_at IS NOT NULL OR ended_at IS NULL)) AS calls
    FROM unnest(CAST(:lead_ids AS bigint[]), CAST(:hashes AS bytea[]), CAST(:partners AS bigint[]))
         AS wanted (lead_id, phone_hash, partner_id)
""")
_BUDGETS = text("""
    SELECT partner_id, count(*) AS calls FROM call
    WHERE partner_id = ANY(:partners) AND placed_at > :since AND (leased_at IS NOT NULL OR ended_at IS NULL)
    GROUP BY partner_id
""")


async def _apply_number_limits(tx: Tx, judged: Sequence[Judged]) -> list[Judged]:
    """Do-not-call, and the caps that count other calls, for the leads that may be called otherwise."""
    allowed = [each.lead for each in judged if isinstance(each.decision, decision.Allowed)]
    if not allowed:
        return list(judged)
    hashes = [lead.phone_hash or b"" for lead in allowed]
    numbers = sorted({int.from_bytes(phone_hash[:8], signed=True) for phone_hash in hashes})
    await tx.execute(_LOCK_NUMBERS, {"numbers": numbers})
    since = max(lead.now for lead in allowed) - DAY
    wanted = {"lead_ids": [lead.id for lead in allowed], "partners": [lead.partner_id for lead in allowed]}
    rows = await tx.execute(_NUMBERS, {**wanted, "hashes": hashes, "since": since})
    facts = {row.lead_id: row for row in rows}
    calls: defaultdict[bytes, list[datetime]] = defaultdict(list)
    for lead in allowed:
        calls[lead.phone_hash or b""] = list(facts[lead.id].calls)
    budgets = await _budgets(tx, allowed, since)
    return [
        each
        if each.lead.id not in facts
        else _limited(each, calls[each.lead.phone_hash or b""], budgets, suppressed=facts[each.lead.id].suppressed)
        for each in judged
    ]


async def _budgets(tx: Tx, leads: Sequence[LeadRow], since: datetime) -> dict[int, int]:
    """How many more calls each partner that has a daily limit may have."""
    limits = {lead.partner_id: lead.daily_calls for lead in leads if lead.daily_calls is not None}
    if not limits:
        return {}
    used = {row.partner_id: row.calls for row in await tx.execute(_BUDGETS, {"partners": list(limits), "since": since})}
    return {partner_id: limit - used.get(partner_id, 0) for partner_id, limit in limits.items()}


def _limited(each: Judged, calls: list[datetime], budgets: dict[int, int], *, suppressed: bool) -> Judged:
    """The lead within its number's and its partner's limits; `calls` and `budgets` count it, if it may be called."""
    lead, rules = each.lead, each.rules
    assert rules is not None  # noqa: S101 - what has no rules is not Allowed
    if suppressed:
        return Judged(lead, rules, decision.Never("the number is on the do-not-call list"))
    if capped := decision.capped_until(lead.now, calls, rules):
        why = f"the number was called {len(calls)} times within 24 hours"
        return Judged(lead, rules, decision.NotYet(capped, why))
    if budgets.get(lead.partner_id, 1) <= 0:
        why = "the partner's budget of calls for 24 hours is used up"
        return Judged(lead, rules, decision.NotYet(lead.now + BUDGET_WAIT, why))
    calls.append(lead.now)
    if lead.partner_id in budgets:
        budgets[lead.partner_id] -= 1
    return each


async def _carry_out(tx: Tx, vault: Vault, judged: Sequence[Judged]) -> dict[int, Position]:
    place = [(each.lead, each.decision) for each in judged if isinstance(each.decision, decision.Allowed)]
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
            CAST(:closes AS timestamptz[])
        ) AS wanted (lead_id, partner_id, dialer_id, attempt, phone_hash, due_at, closes_at)
    ), placed AS (
        INSERT INTO call (lead_id, partner_id, dialer_id, attempt, state, phone_hash, due_at, closes_at)
        SELECT lead_id, partner_id, dialer_id, attempt, 'ready', phone_hash, due_at, closes_at FROM wanted
        RETURNING id, lead_id
    ), moved AS (
        UPDATE lead SET state = 'calling', why = NULL, started = true, updated_at = clock_timestamp()
        FROM wanted WHERE lead.id = wanted.lead_id
    )
    SELECT id, lead_id FROM placed
""")


async def _place(tx: Tx, vault: Vault, allowed: Sequence[tuple[LeadRow, decision.Allowed]]) -> dict[int, Position]:
    leads = [lead for lead, _ in allowed]
    calls = {
        "lead_ids": [lead.id for lead in leads],
        "partners": [lead.partner_id for lead in leads],
        "dialers": [lead.dialer_id for lead in leads],
        "attempts": [lead.attempts + 1 for lead in leads],
        "hashes": [lead.phone_hash for lead in leads],
        "due": [lead.dial_at for lead in leads],
        "closes": [until.until for _, until in allowed],
    }
    ids = {row.lead_id: row.id for row in await tx.execute(_PLACE, calls)}
    await dialers.place(tx, (_at_dialer(lead, ids[lead.id]) for lead in leads))
    await _record_scheduled(tx, vault, leads, ids)
    return {lead.id: Placed(ids[lead.id], until.until) for lead, until in allowed}


def _at_dialer(lead: LeadRow, call_id: int) -> DialerCall:
    return DialerCall(call_id, lead.dialer_id or 0, lead.dialer_kind or "")


async def _record_scheduled(tx: Tx, vault: Vault, leads: Sequence[LeadRow], call_ids: Mapping[int, int]) -> None:
    by_partner: defaultdict[int, list[events.NewEvent]] = defaultdict(list)
    for lead in leads:
        if lead.has_endpoints:
            data = {"lead_id": lead.id, "campaign": lead.campaign, "call_id": call_ids[lead.id]}
            data |= {"attempt": lead.attempts + 1, "due_at": lead.dial_at.isoformat()}
            by_partner[lead.partner_id].append(events.NewEvent("call.scheduled", data, lead_id=lead.id))
    for partner_id, new_events in by_partner.items():
        await events.record(tx, vault, partner_id, new_events)


_RESCHEDULE = text("""
    UPDATE lead SET state = 'scheduled', dial_at = wanted.dial_at, why = wanted.why, started = true,
           updated_at = clock_timestamp()
    FROM unnest(CAST(:lead_ids AS bigint[]), CAST(:due AS timestamptz[]), CAST(:reasons AS text[]))
         AS wanted (lead_id, dial_at, why)
    WHERE lead.id = wanted.lead_id AND (lead.state, lead.dial_at, lead.why, lead.started)
          IS DISTINCT FROM ('scheduled', wanted.dial_at, wanted.why, true)
""")


async def _reschedule(tx: Tx, waiting: Sequence[tuple[LeadRow, decision.NotYet]]) -> dict[int, Position]:
    wanted = {
        "lead_ids": [lead.id for lead, _ in waiting],
        "due": [not_yet.at for _, not_yet in waiting],
        "reasons": [not_yet.why for _, not_yet in waiting],
    }
    await tx.execute(_RESCHEDULE, wanted)
    return {lead.id: Waiting(not_yet.at, not_yet.why) for lead, not_yet in waiting}


_REFUSE = text("""
    UPDATE lead SET state = 'refused', why = wanted.why, started = true, processed_at = clock_timestamp(),
           updated_at = clock_timestamp()
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


async def _open_calls(tx: Tx, lead_ids: Sequence[int]) -> dict[int, Position]:
    until = func.greatest(Call.closes_at, Call.lease_until)
    mine = select(Call.id, Call.lead_id, until.label("until")).where(Call.lead_id == func.any(list(lead_ids)))
    return {row.lead_id: Placed(row.id, row.until) for row in await tx.execute(mine.where(Call.ended_at.is_(None)))}
