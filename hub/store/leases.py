"""Calls as a pull dialer takes them: leased, kept by heartbeats. Each lease's token fences out the lease before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from hub.seal import Vault
from hub.store.contacts import PERSON, open_column
from hub.store.db.engine import Tx
from hub.store.restores import CALL_IS_COMPARED


@dataclass(frozen=True, slots=True)
class Lease:
    """A call that its dialer may start now. `person` is who to call; `token` must come with every report about it."""

    call_id: int
    lead_id: int
    attempt: int
    token: int
    until: datetime
    campaign: str
    language: str | None
    person: dict[str, Any]


# A call that is leased by another request just now is passed over, not waited for.
_LEASE = text(f"""
    WITH due AS (
        SELECT call.id FROM call
        WHERE dialer_id = :dialer_id AND due_at <= statement_timestamp() AND closes_at > statement_timestamp()
          AND (state = 'ready' OR (state = 'leased' AND lease_until < statement_timestamp()))
          AND NOT EXISTS (SELECT FROM suppression WHERE suppression.phone_hash = call.phone_hash
                          AND (suppression.partner_id IS NULL OR suppression.partner_id = call.partner_id))
          AND NOT EXISTS (SELECT FROM partner WHERE partner.id = call.partner_id AND disabled_at IS NOT NULL)
          AND {CALL_IS_COMPARED}
        ORDER BY due_at, id LIMIT :most FOR UPDATE OF call SKIP LOCKED
    ), leased AS (
        UPDATE call SET state = 'leased', token = token + 1, leased_at = coalesce(leased_at, clock_timestamp()),
               lease_until = clock_timestamp() + CAST(:hold AS interval)
        FROM due WHERE call.id = due.id
        RETURNING call.id, lead_id, attempt, token, lease_until, due_at
    )
    SELECT leased.*, lead.language, campaign.public_id AS campaign, contact.wrapped_key, contact.sealed
    FROM leased
    JOIN lead ON lead.id = leased.lead_id
    JOIN campaign ON campaign.id = lead.campaign_id
    JOIN contact ON contact.lead_id = lead.id
    ORDER BY leased.due_at, leased.id
""")  # noqa: S608 - a constant

_HEARTBEAT = text("""
    UPDATE call SET lease_until = clock_timestamp() + CAST(:hold AS interval)
    FROM unnest(CAST(:call_ids AS bigint[]), CAST(:tokens AS bigint[])) AS held (call_id, token)
    WHERE call.id = held.call_id AND call.token = held.token AND dialer_id = :dialer_id AND state = 'leased'
    RETURNING call.id
""")


async def lease(tx: Tx, vault: Vault, dialer_id: int, most: int, hold: timedelta) -> list[Lease]:
    """Hand out up to `most` due calls, oldest first, each to one dialer only, for `hold`."""
    rows = await tx.execute(_LEASE, {"dialer_id": dialer_id, "most": most, "hold": hold})
    return [
        Lease(
            call_id=row.id,
            lead_id=row.lead_id,
            attempt=row.attempt,
            token=row.token,
            until=row.lease_until,
            campaign=row.campaign,
            language=row.language,
            person=open_column(vault, row.lead_id, row.wrapped_key, row.sealed, PERSON),
        )
        for row in rows
    ]


async def heartbeat(tx: Tx, dialer_id: int, held: Sequence[tuple[int, int]], hold: timedelta) -> set[int]:
    """Prolong the leases given as (call id, token); returns the ids still held, the others are lost."""
    call_ids, tokens = zip(*held, strict=True)
    wanted = {"call_ids": list(call_ids), "tokens": list(tokens), "dialer_id": dialer_id, "hold": hold}
    return set((await tx.execute(_HEARTBEAT, wanted)).scalars())
