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
    want its events.
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
    EXISTS (SELECT FROM endpoint WHERE endpoint.partner_id = lead.partner_id AND deleted_at IS NULL) AS has_endpoints,
    clock_timestamp() AS now
"""
LEAD_TABLES = """
    lead JOIN partner ON partner.id = lead.partner_id LEFT JOIN campaign ON campaign.id = lead.campaign_id
    LEFT JOIN dialer ON dialer.id = campaign.dialer_id
"""

# In the order of their ids, so that two transactions with the same leads never deadlock.
_LOCK = text(
    f"SELECT {LEAD_COLUMNS} FROM {LEAD_TABLES} WHERE lead.id = ANY(:lead_ids) ORDER BY lead.id FOR UPDATE OF lead"  # noqa: S608 - constants
)
_UNSTARTED = text(
    f"SELECT {LEAD_COLUMNS} FROM {LEAD_TABLES} WHERE submission_id = :submission_id AND NOT started"  # noqa: S608 - likewise
    " ORDER BY lead.id LIMIT :most"
)


async def lock_leads(tx: Tx, lead_ids: Sequence[int]) -> list[LeadRow]:
    """The leads, locked until the transaction ends, in the order of their ids."""
    return [LeadRow.of(row) for row in (await tx.execute(_LOCK, {"lead_ids": list(lead_ids)})).mappings()]


async def unstarted_leads(tx: Tx, submission_id: int, most: int) -> list[LeadRow]:
    """Up to `most` leads of the submission that have no workflow yet."""
    rows = await tx.execute(_UNSTARTED, {"submission_id": submission_id, "most": most})
    return [LeadRow.of(row) for row in rows.mappings()]
