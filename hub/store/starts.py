"""A dialer that confirms starts is about to dial: whether the call may be made is judged for the last time."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from hub.errors import Conflict, Invalid, NotFound
from hub.store import calling_limits, withdrawals
from hub.store.calling_limits import Candidate
from hub.store.db.engine import Tx

LOST = "this lease was lost; somebody else has the call, or it was taken back."
CLOSED = "the time in which it might start has ended"
OUTDATED = "the campaign's policy was changed"


@dataclass(frozen=True, slots=True)
class Started:
    """The call is being made; `lease_until` is when its dialer must have sent a heartbeat or report."""

    lease_until: datetime


@dataclass(frozen=True, slots=True)
class TakenBack:
    """The call must not be made now, and is its dialer's no more."""

    why: str


_LOCK = text("""
    SELECT call.token, call.state, call.confirm_start, call.started_at, call.lease_until, call.partner_id,
           call.phone_hash, coalesce(call.max_per_day, 3) AS max_per_day,
           call.closes_at <= clock_timestamp() AS closed, call.lease_until <= clock_timestamp() AS lapsed,
           call.policy_hash <> md5(campaign.policy::text) AS outdated,
           partner.disabled_at IS NOT NULL AS partner_disabled, partner.daily_calls
    FROM lead
    JOIN call ON call.lead_id = lead.id
    JOIN campaign ON campaign.id = lead.campaign_id
    JOIN partner ON partner.id = call.partner_id
    WHERE call.id = :call_id AND call.dialer_id = :dialer_id
    FOR UPDATE OF lead, call
""")


@dataclass(frozen=True, slots=True)
class _LockedCall:
    """What _LOCK gives of a call, in its order."""

    token: int
    state: str
    confirm_start: bool
    started_at: datetime | None
    lease_until: datetime
    partner_id: int
    phone_hash: bytes
    max_per_day: int
    closed: bool
    lapsed: bool
    outdated: bool
    partner_disabled: bool
    daily_calls: int | None


_START = text("""
    WITH started AS (
        UPDATE call SET started_at = clock_timestamp() WHERE id = :call_id RETURNING id, token, started_at
    )
    UPDATE lease SET started_at = started.started_at
    FROM started WHERE lease.call_id = started.id AND lease.token = started.token
""")


async def start(tx: Tx, dialer_id: int, call_id: int, token: int) -> Started | TakenBack:
    """Let the dialer that holds the call dial now, or take the call back. Called again it changes nothing.

    Raises NotFound (no such call of this dialer), Conflict (lease lost), Invalid (leased without `confirm_start`).
    """
    found = (await tx.execute(_LOCK, {"call_id": call_id, "dialer_id": dialer_id})).first()
    if found is None:
        raise NotFound("There is no such call.")
    call = _LockedCall(*found)
    if call.state != "leased" or call.token != token:
        raise Conflict(LOST, field="token")
    if not call.confirm_start:
        raise Invalid(
            "lease with it to confirm starts; this call counts as made since its lease.", field="confirm_start"
        )
    if call.started_at is not None:
        return Started(call.lease_until)
    if call.lapsed:
        raise Conflict(LOST, field="token")
    if why := await _refusal(tx, call):
        await withdrawals.take_back(tx, [call_id])
        return TakenBack(why)
    await tx.execute(_START, {"call_id": call_id})
    return Started(call.lease_until)


async def _refusal(tx: Tx, call: _LockedCall) -> str | None:
    if call.closed:
        return CLOSED
    if call.outdated:
        return OUTDATED
    numbers = call.partner_id, call.phone_hash, call.max_per_day
    candidate = Candidate(*numbers, partner_disabled=call.partner_disabled, daily_calls=call.daily_calls)
    await calling_limits.lock(tx, candidate)
    limits = await calling_limits.load(tx, [candidate])
    refusal = limits.refusal(0, candidate)
    return refusal.why if refusal else None
