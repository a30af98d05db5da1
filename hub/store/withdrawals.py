"""Calls that must not be made any more: taken back from the dialer before it starts them, or let end by themselves.

The leads are locked by the caller.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select, update

from hub.leads import CallState, LeaseEnd
from hub.store import dialers
from hub.store.db import outbox
from hub.store.db.engine import Tx
from hub.store.dialers import DialerCall
from hub.store.tables import Call, Dialer, Lease

_WITHDRAWN = {"state": CallState.WITHDRAWN, "ended_at": func.clock_timestamp(), "token": Call.token + 1}
_IS_OPEN = Call.ended_at.is_(None)
# A call whose start its dialer confirms is being made from then on, also when its lease is lost; before, it can be
# taken back. Any other is being made while it is leased.
_IS_STARTED = Call.confirm_start & Call.started_at.is_not(None)
_IS_LEASED = ~Call.confirm_start & (Call.lease_until > func.clock_timestamp())
_IS_HELD = (Call.state == CallState.LEASED) & (_IS_STARTED | _IS_LEASED)


async def withdraw_expired(tx: Tx, lead_ids: Sequence[int]) -> None:
    """Withdraw the leads' open calls that may not start any more, and that no dialer holds."""
    expired = Call.closes_at <= func.clock_timestamp()
    await _withdraw(tx, Call.lead_id == func.any(list(lead_ids)), _IS_OPEN, expired, ~_IS_HELD)


async def withdraw_waiting(tx: Tx, lead_ids: Sequence[int]) -> None:
    """Withdraw the leads' calls that no dialer has."""
    if lead_ids:
        await _withdraw(tx, Call.lead_id == func.any(list(lead_ids)), _IS_OPEN, Call.state == CallState.READY)


async def erase_calls(tx: Tx, lead_id: int) -> None:
    """Withdraw the lead's open call, also from a dialer that holds it, and forget which number was called."""
    await _withdraw(tx, Call.lead_id == lead_id, _IS_OPEN)
    mine = _DIALER_CALLS.where(Call.lead_id == lead_id)
    await dialers.erase(tx, [DialerCall(*row) for row in await tx.execute(mine)])
    await tx.execute(update(Call).where(Call.lead_id == lead_id).values(phone_hash=None, callback_at=None))
    calls = select(Call.id).where(Call.lead_id == lead_id)
    await tx.execute(update(Lease).where(Lease.call_id.in_(calls)).values(phone_hash=None))


async def stop(tx: Tx, lead_id: int) -> bool:
    """See to it that no call of the lead starts any more; returns whether one was ever made.

    A call that a dialer holds may end, and its outcome is taken.
    """
    await stop_all(tx, [lead_id])
    made = select(Lease.id).join(Call, Call.id == Lease.call_id)
    made = made.where(Call.lead_id == lead_id, Lease.started_at.is_not(None)).limit(1)
    return (await tx.execute(made)).first() is not None


async def stop_all(tx: Tx, lead_ids: Sequence[int]) -> set[int]:
    """As `stop`, for any number of leads; returns those with whom a dialer is speaking now."""
    mine = select(Call.id, Call.lead_id, _IS_HELD.label("held")).where(Call.lead_id == func.any(list(lead_ids)))
    rows = (await tx.execute(mine.where(_IS_OPEN).order_by(Call.id).with_for_update())).all()
    if under_way := [row.id for row in rows if row.held]:
        ended = update(Call).where(Call.id == func.any(under_way)).values(closes_at=func.clock_timestamp())
        await tx.execute(ended)
    if waiting := [row.id for row in rows if not row.held]:
        await _withdraw(tx, Call.id == func.any(waiting))
    return {row.lead_id for row in rows if row.held}


_DIALER_CALLS = select(Call.id, Call.dialer_id, Dialer.kind).join(Dialer, Dialer.id == Call.dialer_id)


async def take_back(tx: Tx, call_ids: Sequence[int], ended: LeaseEnd = LeaseEnd.TAKEN_BACK) -> None:
    """Withdraw these calls, locked by the caller, and wake their leads, which may have others later."""
    if not call_ids:
        return
    lead_ids = await _withdraw(tx, Call.id == func.any(list(call_ids)), _IS_OPEN, ended=ended)
    await outbox.put(tx, outbox.Kind.WAKE_LEAD, lead_ids)


async def _withdraw(tx: Tx, *where: ColumnElement[bool], ended: LeaseEnd = LeaseEnd.TAKEN_BACK) -> list[int]:
    """Returns whose calls they were."""
    kind = select(Dialer.kind).where(Dialer.id == Call.dialer_id).scalar_subquery()
    columns = (Call.id, Call.dialer_id, kind, Call.lead_id, Call.leases)
    rows = (await tx.execute(update(Call).where(*where).values(**_WITHDRAWN).returning(*columns))).all()
    await dialers.withdraw(tx, [DialerCall(*row[:3]) for row in rows])
    if leased := [row.id for row in rows if row.leases]:
        open_lease = (Lease.call_id == func.any(leased)) & Lease.ended_at.is_(None)
        await tx.execute(update(Lease).where(open_lease).values(ended_at=func.clock_timestamp(), ended=ended))
    return sorted(row.lead_id for row in rows)
