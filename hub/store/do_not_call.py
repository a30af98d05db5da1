"""The do-not-call lists, of one partner or of all: keyed hashes of E.164 numbers, so that they survive erasure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, text

from hub.actors import Actor
from hub.store import audit
from hub.store.admin import require_partner, require_text
from hub.store.db.engine import Tx
from hub.store.tables import Suppression

ASKED_ON_A_CALL = "asked for it on a call"
ALL = "all partners"
"""The list of all partners, as subject of audit rows."""

REPORTED_WITHIN = timedelta(hours=24)
"""How long after a lead's erasure a do-not-call of its last call is taken."""


@dataclass(frozen=True, slots=True)
class SuppressedNumber:
    """An entry of a list; `partner_id` None: of the list of all partners."""

    phone_hash: bytes
    partner_id: int | None
    reason: str
    created_at: datetime


_SUPPRESS = text("""
    INSERT INTO suppression (partner_id, phone_hash, reason)
    SELECT partner_id, phone_hash, :reason
    FROM unnest(CAST(:partners AS bigint[]), CAST(:hashes AS bytea[])) AS wanted (partner_id, phone_hash)
    ON CONFLICT DO NOTHING RETURNING partner_id, phone_hash
""")


async def suppress(tx: Tx, numbers: Sequence[tuple[int | None, bytes]], reason: str) -> set[tuple[int | None, bytes]]:
    """Never call these numbers again; returns those that were not on their list before.

    Each is (partner id, keyed hash of E.164), for all partners where it is None.
    """
    if not numbers:
        return set()
    partners, hashes = zip(*sorted(set(numbers), key=lambda number: (number[0] or 0, number[1])), strict=True)
    rows = await tx.execute(_SUPPRESS, {"partners": list(partners), "hashes": list(hashes), "reason": reason})
    return {(row.partner_id, row.phone_hash) for row in rows}


async def add_numbers(tx: Tx, actor: Actor, partner_id: int | None, hashes: Sequence[bytes], reason: str) -> int:
    """Put numbers on the partner's list, or (None) on that of all; how many are new there. Raises Invalid, NotFound."""
    require_text(reason=reason)
    if partner_id is not None:
        await require_partner(tx, partner_id)
    await audit.record(tx, actor, "suppression.add", partner_id or ALL, partner_id=partner_id, numbers=len(hashes))
    return len(await suppress(tx, [(partner_id, each) for each in hashes], reason))


# Those that a dialer has, or had until the hub took them back or ended them: of others, it has reported the outcome.
_KEEP = text("""
    INSERT INTO erased_number (call_id, phone_hash)
    SELECT id, phone_hash FROM call
    WHERE lead_id = :lead_id AND phone_hash IS NOT NULL AND (outcome IS NULL OR reason IS NOT NULL)
      AND leased_at > clock_timestamp() - CAST(:kept AS interval)
    ON CONFLICT DO NOTHING
""")
_FORGET = text("DELETE FROM erased_number WHERE call_id = ANY(:call_ids)")


async def keep_numbers(tx: Tx, lead_id: int) -> None:
    """Before the lead is erased: its calls that a dialer may still report on keep their numbers' hashes for 24 h."""
    await tx.execute(_KEEP, {"lead_id": lead_id, "kept": REPORTED_WITHIN})


async def forget_numbers(tx: Tx, call_ids: Sequence[int]) -> None:
    """Their do-not-call has been taken."""
    if call_ids:
        await tx.execute(_FORGET, {"call_ids": list(call_ids)})


async def remove(tx: Tx, actor: Actor, partner_id: int | None, phone_hash: bytes) -> int:
    """Take the number off the partner's list, or off that of all (None); returns how many entries there were."""
    await audit.record(tx, actor, "suppression.remove", partner_id or ALL, partner_id=partner_id)
    mine = Suppression.partner_id.is_not_distinct_from(partner_id)
    gone = delete(Suppression).where(Suppression.phone_hash == phone_hash, mine)
    return len((await tx.execute(gone.returning(Suppression.id))).all())


_ENTRIES = select(Suppression.phone_hash, Suppression.partner_id, Suppression.reason, Suppression.created_at).order_by(
    Suppression.id
)


async def find(tx: Tx, phone_hashes: Sequence[bytes], partner_id: int | None = None) -> list[SuppressedNumber]:
    """The entries of these numbers, in all lists, or in those that hold for this partner: its own and that of all."""
    rows = _ENTRIES.where(Suppression.phone_hash.in_(phone_hashes))
    if partner_id is not None:
        rows = rows.where((Suppression.partner_id == partner_id) | Suppression.partner_id.is_(None))
    return [SuppressedNumber(*row) for row in await tx.execute(rows)]


async def list_suppressed(tx: Tx, partner_id: int | None = None) -> list[SuppressedNumber]:
    """The partner's list, or every list (None), oldest entry first."""
    mine = _ENTRIES if partner_id is None else _ENTRIES.where(Suppression.partner_id == partner_id)
    return [SuppressedNumber(*row) for row in await tx.execute(mine)]
