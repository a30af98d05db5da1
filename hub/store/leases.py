"""Calls as a pull dialer takes them: leased, started, kept by heartbeats. Each lease's token fences out the one before.

Whether a call may be made is judged when it is leased, and where its dialer confirms starts once more then. One that
may not is taken back, and its lead woken: its workflow says why, and when there will be another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from hub.people import Person
from hub.seal import Vault
from hub.store import calling_limits, withdrawals
from hub.store.calling_limits import Candidate
from hub.store.contacts import PERSON, open_column
from hub.store.db.engine import Tx
from hub.store.restores import CALL_IS_COMPARED


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a dialer asks for: at most so many calls, for how long, and whether it will confirm their starts."""

    most: int
    hold: timedelta
    confirm_start: bool = False


@dataclass(frozen=True, slots=True)
class Lease:
    """A call that its dialer may start now, before `start_before` and while it holds it.

    `token` must come with every report about it. Whom to call is still sealed.
    """

    call_id: int
    lead_id: int
    attempt: int
    token: int
    until: datetime
    start_before: datetime
    campaign: str
    language: str | None
    wrapped_key: bytes
    sealed: bytes

    def person(self, vault: Vault) -> Person:
        """Whom to call. A large lead takes a millisecond."""
        return Person.load(open_column(vault, self.lead_id, self.wrapped_key, self.sealed, PERSON))


@dataclass(frozen=True, slots=True)
class Leased:
    """What a lease brought, and how many due calls were taken back instead: there may be others behind them."""

    calls: list[Lease]
    taken_back: int


# A call that is leased by another request just now is passed over, not waited for. By CASE, because the planner takes
# an anti-join with few partners for one that leaves no call, and reads and sorts all calls of the dialer. The limits'
# locks are taken by the same statement, as each one more costs a lease a twentieth of its time.
_DUE = text(f"""
    WITH due AS MATERIALIZED (
        SELECT id, lead_id, partner_id, phone_hash, max_per_day, policy_hash, due_at FROM call
        WHERE dialer_id = :dialer_id AND state = 'ready'
          AND due_at <= statement_timestamp() AND closes_at > statement_timestamp()
          AND CASE WHEN partner_id = ANY(ARRAY(SELECT id FROM partner WHERE disabled_at IS NOT NULL)) THEN false
              ELSE true END
          AND {CALL_IS_COMPARED}
        ORDER BY due_at, id LIMIT :most FOR UPDATE OF call SKIP LOCKED
    ), found AS MATERIALIZED (
        SELECT due.id, due.partner_id, due.phone_hash, coalesce(due.max_per_day, 3) AS max_per_day, due.due_at,
               partner.daily_calls, coalesce(due.policy_hash <> md5(campaign.policy::text), false) AS outdated
        FROM due
        JOIN lead ON lead.id = due.lead_id
        JOIN campaign ON campaign.id = lead.campaign_id
        JOIN partner ON partner.id = due.partner_id
    ), locked AS MATERIALIZED ({calling_limits.locking("found")})
    SELECT found.* FROM found, (SELECT count(*) FROM locked) AS all_locked ORDER BY due_at, id
""")  # noqa: S608 - a constant
_LEASE = text("""
    WITH leased AS (
        UPDATE call SET state = 'leased', token = token + 1, leases = leases + 1, confirm_start = :confirm_start,
               leased_at = coalesce(leased_at, statement_timestamp()),
               started_at = CASE WHEN :confirm_start THEN NULL ELSE statement_timestamp() END,
               lease_until = statement_timestamp() + CAST(:hold AS interval)
        WHERE id = ANY(:call_ids)
        RETURNING *
    ), recorded AS (
        INSERT INTO lease (call_id, token, dialer_id, partner_id, phone_hash, confirm_start, leased_at, lease_until,
                           started_at)
        SELECT id, token, dialer_id, partner_id, phone_hash, confirm_start, statement_timestamp(), lease_until,
               started_at FROM leased
    )
    SELECT leased.id, leased.lead_id, leased.attempt, leased.token, leased.lease_until, leased.closes_at,
           lead.language, campaign.public_id AS campaign, contact.wrapped_key, contact.sealed
    FROM leased
    JOIN lead ON lead.id = leased.lead_id
    JOIN campaign ON campaign.id = lead.campaign_id
    JOIN contact ON contact.lead_id = lead.id
    ORDER BY leased.due_at, leased.id
""")


async def lease(tx: Tx, dialer_id: int, wanted: Wanted) -> Leased:
    """Hand out due calls, oldest first, each to one dialer only; take back those that may not be made now."""
    due = (await tx.execute(_DUE, {"dialer_id": dialer_id, "most": wanted.most})).all()
    if not due:
        return Leased([], 0)
    candidates = [
        Candidate(row.partner_id, row.phone_hash, row.max_per_day, partner_disabled=False, daily_calls=row.daily_calls)
        for row in due
    ]
    limits = await calling_limits.load(tx, candidates)
    counts = not wanted.confirm_start
    allowed = [
        row.id
        for index, row in enumerate(due)
        if not row.outdated and limits.refusal(index, candidates[index], counts=counts) is None
    ]
    refused = sorted({row.id for row in due} - set(allowed))
    await withdrawals.take_back(tx, refused)
    return Leased(await _hand_out(tx, allowed, wanted) if allowed else [], len(refused))


async def _hand_out(tx: Tx, call_ids: Sequence[int], wanted: Wanted) -> list[Lease]:
    given = {"call_ids": list(call_ids), "hold": wanted.hold, "confirm_start": wanted.confirm_start}
    return [
        Lease(
            call_id=row.id,
            lead_id=row.lead_id,
            attempt=row.attempt,
            token=row.token,
            until=row.lease_until,
            start_before=row.closes_at,
            campaign=row.campaign,
            language=row.language,
            wrapped_key=row.wrapped_key,
            sealed=row.sealed,
        )
        for row in await tx.execute(_LEASE, given)
    ]


_HEARTBEAT = text("""
    WITH kept AS (
        UPDATE call SET lease_until = clock_timestamp() + CAST(:hold AS interval)
        FROM unnest(CAST(:call_ids AS bigint[]), CAST(:tokens AS bigint[])) AS held (call_id, token)
        WHERE call.id = held.call_id AND call.token = held.token AND dialer_id = :dialer_id AND state = 'leased'
        RETURNING call.id, call.token, call.lease_until
    ), recorded AS (
        UPDATE lease SET lease_until = kept.lease_until
        FROM kept WHERE lease.call_id = kept.id AND lease.token = kept.token
    )
    SELECT id FROM kept
""")


async def heartbeat(tx: Tx, dialer_id: int, held: Sequence[tuple[int, int]], hold: timedelta) -> set[int]:
    """Prolong the leases given as (call id, token); returns the ids still held, the others are lost."""
    call_ids, tokens = zip(*held, strict=True)
    wanted = {"call_ids": list(call_ids), "tokens": list(tokens), "dialer_id": dialer_id, "hold": hold}
    return set((await tx.execute(_HEARTBEAT, wanted)).scalars())
