"""How calls ended, as dialers report it: each call ends once, and its lead moves on in the same transaction."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import text

from hub.actors import Actor, ActorKind
from hub.dialing import decision
from hub.errors import Conflict, HubError, NotFound, Unavailable
from hub.leads import CallState, LeadState, LeaseEnd, Outcome
from hub.seal import Vault
from hub.store import contacts, events, journal, late_outcomes, results
from hub.store.call_reports import CallReport, CallRow, Ended
from hub.store.contacts import RESPONSES, open_column
from hub.store.db.engine import Tx
from hub.store.do_not_call import ASKED_ON_A_CALL, forget_numbers, suppress
from hub.store.journal import ACTING
from hub.store.lead_rows import LEAD_COLUMNS, LeadRow

log = structlog.get_logger()


async def report(tx: Tx, vault: Vault, dialer_id: int, reported: CallReport) -> LeadState:
    """As `report_all`, for one call. Raises NotFound (no such call of this dialer), Conflict (lease lost)."""
    [result] = await report_all(tx, vault, dialer_id, [reported])
    if isinstance(result, HubError):
        raise result
    return result


async def report_all(tx: Tx, vault: Vault, dialer_id: int, reports: Sequence[CallReport]) -> list[LeadState | HubError]:
    """Take the outcomes of leased calls; for each, in order, what became of its lead, or why it was refused.

    The same report again changes nothing, nor does a lesser one after an agent reported interest (see late_outcomes).
    `do_not_call` puts the number on the partner's list whoever has the call now.
    """
    calls = await _lock(tx, dialer_id, [each.call_id for each in reports])
    results: list[LeadState | HubError] = []
    ended: list[Ended] = []
    late: list[CallReport] = []
    suppressed: dict[int, tuple[int | None, bytes]] = {}
    erased: list[int] = []
    for each in reports:
        call = calls.get(each.call_id)
        if call is None and each.call_id in calls:
            results.append(Unavailable("The call's lead can't be read now. Please report it again later."))
            continue
        if call and each.outcome is Outcome.DO_NOT_CALL and call.dialled_hash is not None:
            suppressed[call.call_id] = call.lead.partner_id, call.dialled_hash
            erased += [call.call_id] if call.lead.state is LeadState.ERASED else []
        outcome = _end(call, each)
        if isinstance(outcome, Ended):
            ended.append(outcome)
            lead = replace(outcome.call.lead, state=outcome.state, outcome=outcome.lead_outcome)
            calls[each.call_id] = replace(outcome.call, lead=lead, state=CallState.ENDED, outcome=each.outcome)
        elif call and _raises(call, each):
            late.append(each)
        results.append(outcome.state if isinstance(outcome, Ended) else outcome)
    new = await suppress(tx, list(suppressed.values()), ASKED_ON_A_CALL)
    asked = [(call.lead.id, call.call_id) for call in calls.values() if call and suppressed.get(call.call_id) in new]
    await journal.note(tx, "lead.suppressed", asked, ASKED_ON_A_CALL)
    await forget_numbers(tx, erased)
    await _carry_out(tx, vault, ended, LeaseEnd.REPORTED)
    for each in late:
        what = late_outcomes.LateOutcome(each.outcome, each.responses, each.recording_url, each.meeting_at)
        await late_outcomes.raise_outcome(tx, vault, each.call_id, what)
    return results


async def end_lost(tx: Tx, vault: Vault, reports: Sequence[CallReport]) -> int:
    """End those calls, of any dialers, whose leases are still lost; returns how many."""
    if not reports:
        return 0
    calls = await _lock(tx, None, [each.call_id for each in reports])
    lost = [(call, each) for each in reports if (call := calls.get(each.call_id))]
    ended = [
        _next(call, each)
        for call, each in lost
        if call.state is CallState.LEASED and call.lost and call.token == each.token
    ]
    await _carry_out(tx, vault, ended, LeaseEnd.LOST)
    return len(ended)


async def _carry_out(tx: Tx, vault: Vault, ended: Sequence[Ended], lease_end: LeaseEnd) -> None:
    if ended:
        await _save_responses(tx, vault, ended)
        await _move_on(tx, ended, lease_end)
        await _record_events(tx, vault, ended)


# The contact too, so that it is read as whoever had the lead before left it. In one order, so that two never deadlock.
_LOCK = text(f"""
    SELECT {LEAD_COLUMNS}, call.id AS call_id, call.state AS call_state, call.outcome AS call_outcome, call.token,
           call.attempt, call.started_at, coalesce(call.lease_until < clock_timestamp(), false) AS lost,
           call.agent_reported_at IS NOT NULL AS agent_reported,
           coalesce(call.phone_hash, erased_number.phone_hash) AS dialled_hash,
           contact.wrapped_key, contact.responses, {ACTING}
    FROM lead
    JOIN call ON call.lead_id = lead.id
    JOIN partner ON partner.id = lead.partner_id
    JOIN campaign ON campaign.id = lead.campaign_id
    JOIN dialer ON dialer.id = campaign.dialer_id
    JOIN contact ON contact.lead_id = lead.id
    LEFT JOIN erased_number ON erased_number.call_id = call.id
    WHERE call.id = ANY(:call_ids) AND (CAST(:dialer_id AS bigint) IS NULL OR call.dialer_id = :dialer_id)
    ORDER BY lead.id, call.id
    FOR UPDATE OF lead, call, contact
""")  # noqa: S608 - constants
_OF_CALL = (
    *("call_id", "token", "attempt", "started_at", "lost", "agent_reported"),
    *("dialled_hash", "wrapped_key", "responses"),
)


async def _lock(tx: Tx, dialer_id: int | None, call_ids: Sequence[int]) -> dict[int, CallRow | None]:
    """The calls that there are, by id; None for one that this version can't read."""
    actor = "hub" if dialer_id is None else Actor(ActorKind.DIALER, str(dialer_id)).label
    rows = await tx.execute(_LOCK, {"dialer_id": dialer_id, "call_ids": list(call_ids), "actor": actor})
    return {row["call_id"]: _call_row(dict(row)) for row in rows.mappings()}


def _call_row(columns: dict[str, Any]) -> CallRow | None:
    del columns["acting"]
    call = {name: columns.pop(name) for name in _OF_CALL}
    try:
        state, outcome = CallState(columns.pop("call_state")), columns.pop("call_outcome")
        return CallRow(**call, state=state, outcome=outcome, lead=LeadRow.of(columns))
    except (ValueError, TypeError) as error:
        log.warning("call passed over", call_id=call["call_id"], failure=type(error).__name__)
        return None


def _end(call: CallRow | None, report: CallReport) -> Ended | LeadState | HubError:
    """What follows from the report; a state alone where nothing does."""
    if call is None:
        return NotFound("There is no such call.")
    over = call.state is CallState.ENDED and call.token == report.token
    if over and (call.agent_reported or call.outcome == report.outcome):
        return call.lead.state
    # A call that went back is its last dialer's to report on until another one has it.
    if call.state not in {CallState.LEASED, CallState.READY} or not call.token or call.token != report.token:
        if report.outcome is Outcome.DO_NOT_CALL and call.dialled_hash is not None:
            return call.lead.state
        return Conflict("token: this lease was lost; somebody else has the call, or it was withdrawn.")
    return _next(call, report)


def _raises(call: CallRow, report: CallReport) -> bool:
    """More than interest, of a call about which an agent has reported interest already."""
    ended = call.state is CallState.ENDED and call.token == report.token
    return ended and call.agent_reported and report.outcome.outranks(Outcome.INTERESTED)


def _next(call: CallRow, report: CallReport) -> Ended:
    """The lead's next state follows from the call's outcome and the campaign's policy."""
    lead, outcome = call.lead, report.outcome
    if not lead.state.open:  # stopped while the call was under way: there is no next one
        return Ended(call, report, LeadState.DONE, lead.dial_at, lead.why)
    if outcome is Outcome.CALLBACK and report.callback_at:
        return Ended(call, report, LeadState.SCHEDULED, report.callback_at, "asked to be called back")
    if outcome.redial:
        policy = _policy(lead)
        if call.attempt < policy.max_attempts:
            again = decision.retry_at(lead.now, outcome, policy) or lead.now
            why = f"redial after {outcome}" + (f": {report.reason}" if report.reason else "")
            return Ended(call, report, LeadState.SCHEDULED, again, why)
    return Ended(call, report, LeadState.DONE, lead.dial_at, report.reason)


def _policy(lead: LeadRow) -> decision.CallingPolicy:
    try:
        return decision.CallingPolicy.model_validate(lead.policy)
    except ValueError:  # of a later version; the next look at the lead says that it can't be judged
        return decision.CallingPolicy()


async def _save_responses(tx: Tx, vault: Vault, ended: Sequence[Ended]) -> None:
    sealed = {}
    for each in ended:
        call, report = each.call, each.report
        if not call.wrapped_key or not (report.recording_url or report.responses or report.meeting_at):
            continue
        with contacts.passed_over(call.lead.id):
            known = open_column(vault, call.lead.id, call.wrapped_key, call.responses, RESPONSES)
            known["responses"] = {**known.get("responses", {}), **report.responses}
            if report.recording_url:
                known["recording_url"] = report.recording_url
            if report.meeting_at:
                known["meeting_at"] = report.meeting_at.isoformat()
            sealed[call.lead.id] = contacts.seal_responses(vault.unwrap(call.wrapped_key), call.lead.id, known)
    await contacts.store_responses(tx, sealed)


# The leads after their calls, so that the journal has them in this order.
_MOVE_ON = text("""
    WITH reported AS (
        SELECT * FROM unnest(
            CAST(:call_ids AS bigint[]), CAST(:lead_ids AS bigint[]), CAST(:outcomes AS text[]),
            CAST(:callbacks AS timestamptz[]), CAST(:states AS text[]), CAST(:due AS timestamptz[]),
            CAST(:reasons AS text[]), CAST(:attempts AS bigint[]), CAST(:called AS timestamptz[]),
            CAST(:tokens AS bigint[]), CAST(:own_reasons AS text[]), CAST(:results AS text[])
        ) AS reported (call_id, lead_id, outcome, callback_at, state, dial_at, why, attempt, called_at, token, reason,
                       result)
    ), ended AS (
        UPDATE call SET state = 'ended', ended_at = clock_timestamp(), outcome = reported.outcome,
               callback_at = reported.callback_at, started_at = reported.called_at, reason = reported.reason
        FROM reported WHERE call.id = reported.call_id RETURNING call_id
    ), lease_ended AS (
        UPDATE lease SET ended_at = clock_timestamp(), ended = :lease_end, started_at = reported.called_at
        FROM reported WHERE lease.call_id = reported.call_id AND lease.token = reported.token
    ), moved AS (
        UPDATE lead SET state = reported.state, dial_at = reported.dial_at, why = reported.why,
               look_at = NULL, hold = NULL, outcome = reported.result, attempts = reported.attempt,
               called_at = coalesce(reported.called_at, lead.called_at), updated_at = clock_timestamp(),
               processed_at = CASE WHEN reported.state = 'done' THEN clock_timestamp() END
        FROM reported JOIN ended USING (call_id) WHERE lead.id = reported.lead_id
    ), pending AS (
        INSERT INTO outbox (kind, ref) SELECT 'wake_lead', lead_id FROM reported
    )
    SELECT pg_notify('hub_outbox', 'wake_lead')
""")


async def _move_on(tx: Tx, ended: Sequence[Ended], lease_end: LeaseEnd) -> None:
    """End the calls, move their leads on and wake their workflows."""
    moved = {
        "lease_end": lease_end.value,
        "tokens": [each.call.token for each in ended],
        "own_reasons": [each.report.reason for each in ended],
        "call_ids": [each.call.call_id for each in ended],
        "lead_ids": [each.call.lead.id for each in ended],
        "outcomes": [each.report.outcome.value for each in ended],
        "results": [each.lead_outcome.value for each in ended],
        "callbacks": [each.report.callback_at for each in ended],
        "states": [each.state.value for each in ended],
        "due": [each.dial_at for each in ended],
        "reasons": [each.why for each in ended],
        "attempts": [each.call.attempt for each in ended],
        "called": [_called_at(each, lease_end) for each in ended],
    }
    await tx.execute(_MOVE_ON, moved)


def _called_at(ended: Ended, lease_end: LeaseEnd) -> datetime | None:
    """A reported call was made, also when its dialer confirmed no start."""
    return ended.call.started_at or (ended.call.lead.now if lease_end is LeaseEnd.REPORTED else None)


async def _record_events(tx: Tx, vault: Vault, ended: Sequence[Ended]) -> None:
    by_partner: defaultdict[int, list[events.NewEvent]] = defaultdict(list)
    for each in ended:
        if each.call.lead.has_endpoints:
            by_partner[each.call.lead.partner_id] += _new_events(tx, vault, each)
    for partner_id, new_events in by_partner.items():
        await events.record(tx, vault, partner_id, new_events)


def _new_events(tx: Tx, vault: Vault, ended: Ended) -> list[events.NewEvent]:
    call, report = ended.call, ended.report
    lead = {"lead_id": call.lead.id, "api": call.lead.api, "campaign": call.lead.campaign, "outcome": report.outcome}
    completed = lead | {
        "call_id": call.call_id,
        "attempt": call.attempt,
        "called_at": call.started_at.isoformat() if call.started_at else None,
        "recording_url": report.recording_url,
        "responses": report.responses,
    }
    if report.reason:
        completed["reason"] = report.reason
    data_of = [("call.completed", completed)]
    if report.outcome.wanted and not (ended.lead_was and ended.lead_was.wanted):
        data_of.append(("lead.interested", lead))
    if report.outcome is Outcome.MEETING_BOOKED:
        meeting_at = report.meeting_at.isoformat() if report.meeting_at else None
        data_of.append(("meeting.booked", lead | {"meeting_at": meeting_at}))
    new_events = [events.NewEvent(kind, data, lead_id=call.lead.id) for kind, data in data_of]
    if ended.changes_result:
        processed = lead | {"outcome": ended.lead_outcome, "attempts": call.attempt}
        new_events.append(results.processed(tx, vault, call.lead, processed))
    return new_events
