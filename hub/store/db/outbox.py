"""What must reach Temporal because of a commit, as rows of that commit. Relays are woken by NOTIFY, and poll."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import text

from hub.leads import LeadState
from hub.store.db.engine import Tx
from hub.temporal.roles import Role

CHANNEL = "hub_outbox"
CALLS_CHANNEL = "hub_calls"
ATTEMPT = "attempt"
"""Says on `CHANNEL` that deliveries were queued for the dispatcher (hub.store.delivery_queue)."""


class Kind(StrEnum):
    """What the row's `ref` asks for."""

    WAKE_LEAD = "wake_lead"
    DELIVER = "deliver"
    """A delivery's workflow, for its next attempt."""
    REPLAY = "replay"
    """A replay's workflow, to look at its row."""
    END_DISCOUNT = "end_discount"
    """An erased discount request's workflow, to end."""
    TELL_CONTACT = "tell_contact"
    """A mail about an endpoint that fails or was disabled; not for Temporal."""


RELAYED_BY: Final[Mapping[Kind, Role]] = {
    Kind.WAKE_LEAD: Role.LEADS,
    Kind.DELIVER: Role.WEBHOOKS,
    Kind.REPLAY: Role.WEBHOOKS,
    Kind.END_DISCOUNT: Role.DISCOUNTS,
}
"""The role whose worker processes send rows of this kind to Temporal."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A claimed row. `tries`: how often it was sent before, in vain; `token`: of the id of its row's workflow.

    Of a lead: its state, why it is in it, the request by which it came. Of a delivery: when its next attempt is due.
    """

    id: int
    kind: Kind
    ref: int
    tries: int
    token: str | None
    lead_state: LeadState | None
    lead_why: str | None
    request_id: str | None
    next_at: datetime | None


_PUT = text("""
    WITH pending AS (INSERT INTO outbox (kind, ref) SELECT :kind, unnest(CAST(:refs AS bigint[])))
    SELECT pg_notify('hub_outbox', :kind)
""")


async def put(tx: Tx, kind: Kind, refs: Sequence[int]) -> None:
    """Let `kind` be done for each of `refs` from this transaction's commit on."""
    if refs:
        await tx.execute(_PUT, {"kind": kind.value, "refs": list(refs)})


_NOTIFY = text("SELECT pg_notify('hub_outbox', :payload)")


async def notify(tx: Tx, payload: str) -> None:
    """Let whoever listens look, from this transaction's commit on."""
    await tx.execute(_NOTIFY, {"payload": payload})


_CLAIM = text("""
    WITH due AS (
        SELECT id FROM outbox WHERE kind = ANY(:kinds) AND due_at <= statement_timestamp()
        ORDER BY due_at LIMIT :most FOR UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE outbox SET due_at = clock_timestamp() + make_interval(secs => :seconds)
        FROM due WHERE outbox.id = due.id RETURNING outbox.id, kind, ref, tries
    )
    SELECT claimed.*, coalesce(lead.workflow_token, delivery.workflow_token, replay.workflow_token,
                               discount.workflow_token) AS token,
           lead.state AS lead_state, coalesce(lead.outcome, lead.why) AS lead_why, delivery.next_at,
           (SELECT request_id FROM submission WHERE submission.id = lead.submission_id) AS request_id
    FROM claimed LEFT JOIN lead ON kind = 'wake_lead' AND lead.id = ref
    LEFT JOIN delivery ON kind = 'deliver' AND delivery.id = ref
    LEFT JOIN replay ON kind = 'replay' AND replay.id = ref
    LEFT JOIN discount ON kind = 'end_discount' AND discount.id = ref
""")


async def claim_due(tx: Tx, kinds: Sequence[Kind], most: int, seconds: float) -> list[Entry]:
    """Claim up to `most` due rows, oldest first; those that are not deleted by then are due again in `seconds`."""
    wanted = {"kinds": [kind.value for kind in kinds], "most": most, "seconds": seconds}
    return [
        Entry(
            id=row.id,
            kind=Kind(row.kind),
            ref=row.ref,
            tries=row.tries,
            token=row.token,
            lead_state=_known_state(row.lead_state),
            lead_why=row.lead_why,
            request_id=row.request_id,
            next_at=row.next_at,
        )
        for row in await tx.execute(_CLAIM, wanted)
    ]


def _known_state(state: str | None) -> LeadState | None:
    """None for none, and for a state of a later version: one such lead must not keep the others' rows waiting."""
    return LeadState(state) if state in set(LeadState) else None


_DELETE = text("DELETE FROM outbox WHERE id = ANY(:ids)")


async def delete_sent(tx: Tx, ids: Sequence[int]) -> None:
    await tx.execute(_DELETE, {"ids": list(ids)})


_POSTPONE = text("""
    UPDATE outbox SET tries = tries + 1,
           due_at = clock_timestamp() + make_interval(secs => least(:longest, power(2, least(tries, 20))))
    WHERE id = ANY(:ids)
""")


async def postpone(tx: Tx, ids: Sequence[int], longest: float) -> None:
    """Leave `ids` for a later try: after 1 s, 2 s, 4 s, ..., at most `longest`."""
    await tx.execute(_POSTPONE, {"longest": longest, "ids": list(ids)})
