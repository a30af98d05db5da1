"""A lead's row with what its campaign and partner say about calling it, as one typed query gives it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, text

from hub.leads import LeadState
from hub.store.db.engine import Tx


@dataclass(frozen=True, slots=True)
class LeadRow:
    """One lead. `campaign` is its public id; `phone_hash` None: no number; `now` is the database's clock.

    `grade` is hub.phones' Grade or DialRefusal; `policy` the campaign's settings, not validated, `policy_hash` what
    they are recognised by; `daily_calls` the partner's limit per 24 h, None for none; `has_endpoints`: somebody may
    want its events; `workflow_token`: of its workflow's id; `dedupe_key`: the keyed hash of its identity or None;
    `request_id`: by which it came, None once that is deleted.
    """

    id: int
    partner_id: int
    api: str
    campaign_id: int | None
    campaign: str | None
    dialer_id: int | None
    dialer_kind: str | None
    policy: dict[str, Any]
    policy_hash: str
    state: LeadState
    why: str | None
    outcome: str | None
    attempts: int
    dial_at: datetime
    created_at: datetime
    phone_hash: bytes | None
    grade: str | None
    region: str | None
    states: Sequence[str]
    zones: Sequence[str]
    partner_disabled: bool
    daily_calls: int | None
    has_endpoints: bool
    workflow_token: str | None
    submission_id: int
    dedupe_key: bytes | None
    request_id: str | None
    updated_at: datetime
    now: datetime

    @classmethod
    def of(cls, columns: Mapping[str, Any] | RowMapping) -> "LeadRow":
        """From LEAD_COLUMNS, by their names."""
        return cls(**{**columns, "state": LeadState(columns["state"])})


LEAD_COLUMNS = """
    lead.id, lead.partner_id, lead.api, lead.campaign_id, campaign.public_id AS campaign, campaign.dialer_id,
    dialer.kind AS dialer_kind, coalesce(campaign.policy, '{}') AS policy,
    coalesce(md5(campaign.policy::text), '') AS policy_hash, lead.state, lead.why, lead.outcome,
    lead.attempts, lead.dial_at, lead.created_at, lead.phone_hash, lead.grade, lead.region, lead.states, lead.zones,
    partner.disabled_at IS NOT NULL AS partner_disabled, partner.daily_calls,
    coalesce(partner.listening_until > clock_timestamp(), false)
    OR EXISTS (SELECT FROM endpoint WHERE endpoint.partner_id = lead.partner_id AND deleted_at IS NULL)
    AS has_endpoints,
    lead.workflow_token, lead.submission_id, lead.dedupe_key, lead.updated_at, clock_timestamp() AS now,
    (SELECT request_id FROM submission WHERE submission.id = lead.submission_id) AS request_id
"""
LEAD_TABLES = """
    lead JOIN partner ON partner.id = lead.partner_id LEFT JOIN campaign ON campaign.id = lead.campaign_id
    LEFT JOIN dialer ON dialer.id = campaign.dialer_id
"""

# In the order of their ids, so that two transactions with the same leads never deadlock.
_LOCK = text(
    f"SELECT {LEAD_COLUMNS} FROM {LEAD_TABLES} WHERE lead.id = ANY(:lead_ids) ORDER BY lead.id FOR UPDATE OF lead"  # noqa: S608 - constants
)
_LOCK_IDENTITIES = text(
    f"SELECT {LEAD_COLUMNS} FROM {LEAD_TABLES} WHERE lead.dedupe_key = ANY(:keys) ORDER BY lead.id FOR UPDATE OF lead"  # noqa: S608 - constants
)
_UNSTARTED = text(
    f"SELECT {LEAD_COLUMNS} FROM {LEAD_TABLES} WHERE submission_id = :submission_id AND NOT started"  # noqa: S608 - constants
    " ORDER BY lead.id LIMIT :most"
)


_UNSTARTED_IDS = text(
    "SELECT id FROM lead WHERE submission_id = :submission_id AND NOT started ORDER BY id LIMIT :most"
)
_OWNER = text("SELECT partner_id, api, workflow_token FROM lead WHERE id = :lead_id")
_BY_ID = text(f"SELECT {LEAD_COLUMNS} FROM {LEAD_TABLES} WHERE lead.id = ANY(:lead_ids) ORDER BY lead.id")  # noqa: S608 - constants
_FAILURE = text(
    "UPDATE lead SET why = :why WHERE id = ANY(:lead_ids) AND why IS DISTINCT FROM :why AND state <> ALL(:closed)"
)


async def lock_leads(tx: Tx, lead_ids: Sequence[int]) -> list[LeadRow]:
    """The leads, locked until the transaction ends, in the order of their ids."""
    return [LeadRow.of(row) for row in (await tx.execute(_LOCK, {"lead_ids": list(lead_ids)})).mappings()]


async def lock_identities(tx: Tx, keys: Sequence[bytes]) -> list[LeadRow]:
    """The leads of these `dedupe_key`s, locked as by `lock_leads`."""
    return [LeadRow.of(row) for row in (await tx.execute(_LOCK_IDENTITIES, {"keys": list(keys)})).mappings()]


async def unstarted_leads(tx: Tx, submission_id: int, most: int) -> list[LeadRow]:
    """Up to `most` leads of the submission that have no workflow yet."""
    rows = await tx.execute(_UNSTARTED, {"submission_id": submission_id, "most": most})
    return [LeadRow.of(row) for row in rows.mappings()]


async def load_leads(tx: Tx, lead_ids: Sequence[int]) -> list[LeadRow]:
    """The leads as they are now, not locked, in the order of their ids."""
    return [LeadRow.of(row) for row in (await tx.execute(_BY_ID, {"lead_ids": list(lead_ids)})).mappings()]


async def record_failure(tx: Tx, lead_ids: Sequence[int], why: str) -> None:
    """Say in the leads' rows why no step of theirs succeeds; final ones stay as they are."""
    closed = [state.value for state in LeadState if not state.open]
    await tx.execute(_FAILURE, {"lead_ids": list(lead_ids), "why": why, "closed": closed})


async def unstarted_ids(tx: Tx, submission_id: int, most: int) -> list[int]:
    """As `unstarted_leads`, where one of them can't be read."""
    return list((await tx.execute(_UNSTARTED_IDS, {"submission_id": submission_id, "most": most})).scalars())


@dataclass(frozen=True, slots=True)
class LeadOwner:
    """What a workflow's start needs of any lead."""

    partner_id: int
    api: str
    workflow_token: str | None


async def find_owner(tx: Tx, lead_id: int) -> LeadOwner | None:
    """Of a lead whose row can't be read in full; None for no such lead."""
    row = (await tx.execute(_OWNER, {"lead_id": lead_id})).first()
    return None if row is None else LeadOwner(row.partner_id, row.api, row.workflow_token)
