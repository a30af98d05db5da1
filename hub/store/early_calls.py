"""What happened to a lead before there was a journal: as far as its row, its calls and their leases show."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import text

from hub.actors import Actor, ActorKind
from hub.journal import Entry
from hub.leads import LeadState
from hub.store.db.engine import Tx

_LEASES = text("""
    SELECT lease.call_id, lease.dialer_id, lease.leased_at, lease.lease_until, lease.confirm_start, lease.started_at,
           lease.ended_at, lease.ended
    FROM lease WHERE lease.call_id = ANY(:call_ids) ORDER BY lease.id
""")


async def entries(tx: Tx, lead: Any, calls: Sequence[Any], known: Sequence[Entry]) -> list[Entry]:
    """The entries that the journal lacks; none for a lead that is younger than the journal."""
    if any(entry.what == "lead.created" for entry in known):
        return []
    by = "hub" if lead.key_id is None else Actor(ActorKind.PARTNER, lead.key_id).label
    found = [Entry(lead.created_at, "lead.created", by, request_id=lead.request_id)]
    leases = (await tx.execute(_LEASES, {"call_ids": [call.id for call in calls]})).all()
    found += [each for lease in leases for each in _of_lease(lease)]
    found += [each for call in calls for each in _of_call(call)]
    state = LeadState(lead.state)
    if not any(entry.what.startswith("lead.") for entry in known) and state is not LeadState.CALLING:
        word = "waiting" if state.open else state
        until = lead.next_at if state.open else None
        outcome = None if state.open else lead.outcome
        found.append(Entry(lead.updated_at, f"lead.{word}", why=lead.why, outcome=outcome, until=until))
    recorded = {(entry.what, entry.call_id) for entry in known}
    return [each for each in found if each.call_id is None or (each.what, each.call_id) not in recorded]


def _of_lease(lease: Any) -> Iterator[Entry]:
    by = Actor(ActorKind.DIALER, str(lease.dialer_id)).label
    same = {"call_id": lease.call_id, "dialer_id": lease.dialer_id}
    yield Entry(lease.leased_at, "call.leased", by, until=lease.lease_until, **same)
    if lease.confirm_start and lease.started_at:
        yield Entry(lease.started_at, "call.started", by, **same)
    if lease.ended == "lost" and lease.ended_at:
        yield Entry(lease.ended_at, "call.returned", **same)


def _of_call(call: Any) -> Iterator[Entry]:
    same = {"call_id": call.id, "dialer_id": call.dialer_id}
    yield Entry(call.placed_at, "call.placed", until=call.closes_at, **same)
    if call.ended_at:
        by = "hub" if call.reason or call.state != "ended" else Actor(ActorKind.DIALER, str(call.dialer_id)).label
        yield Entry(call.ended_at, f"call.{call.state}", by, why=call.reason, outcome=call.outcome, **same)
