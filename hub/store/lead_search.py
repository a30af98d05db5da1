"""Finding leads by whatever is known of them, each by an index: number, mail, ids of the hub, its partner, events."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, text

from hub import journal, phones
from hub.contracts import registry
from hub.errors import Invalid
from hub.leads import LeadState
from hub.seal import Vault
from hub.store import contacts
from hub.store.db.engine import Tx
from hub.store.leads import identity_key
from hub.store.paging import Page, PageWanted, page_of
from hub.store.row_ids import MOST_ID
from hub.store.tables import Partner
from hub.store.tenants import load_tenants

_OPEN: Final = frozenset(state for state in LeadState if state.open)
LONGEST_TEXT: Final = 512


@dataclass(frozen=True, slots=True)
class LeadQuery:
    """What is known of the leads; all that is given holds of each. Without anything: all, newest first.

    `phone` in any spelling: with its country code, or as it is dialled in `region`, else in the partner's or its API's
    region. `reference`: the partner's own id of the lead. `request_id`: the `X-Request-Id` of the request that brought
    the lead or named it again. `partner_id`: of this partner alone.
    """

    phone: str | None = None
    region: str | None = None
    email: str | None = None
    request_id: str | None = None
    reference: str | None = None
    lead_id: int | None = None
    event_id: str | None = None
    delivery_id: int | None = None
    partner_id: int | None = None


@dataclass(frozen=True, slots=True)
class FoundLead:
    """One lead, masked. `next_at`: when it is due or looked at again, None for one that is closed.

    `state` is a LeadState, or one that only a later version knows.
    """

    id: int
    api: str
    partner_id: int
    partner: str
    campaign: str | None
    reference: str | None
    request_id: str | None
    phone: str | None
    name: str | None
    email: str | None
    state: str
    why: str | None
    outcome: str | None
    attempts: int
    next_at: datetime | None
    created_at: datetime

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


# Materialized, so that no plan reads all leads from the newest on until it has found enough.
_BY: Final = {
    "phone": "SELECT id FROM lead WHERE phone_hash = ANY(:phone)",
    "email": "SELECT lead_id FROM contact WHERE email_hash = :email",
    "request_id": """
        WITH asked AS (SELECT coalesce(replay_of, id) AS id FROM submission WHERE request_id = :request_id)
        SELECT lead.id FROM asked JOIN lead ON lead.submission_id = asked.id
        UNION SELECT lead_id FROM submission WHERE id IN (SELECT id FROM asked)
        UNION SELECT unnest(known_lead_ids) FROM submission WHERE id IN (SELECT id FROM asked)""",
    "reference": "SELECT id FROM lead WHERE dedupe_key = ANY(:reference)",
    "lead_id": "SELECT CAST(:lead_id AS bigint)",
    "event_id": "SELECT lead_id FROM event WHERE public_id = :event_id",
    "delivery_id": "SELECT lead_id FROM delivery JOIN event ON event.id = event_id WHERE delivery.id = :delivery_id",
}
_FOUND = """
    SELECT lead.id, lead.api, lead.partner_id, partner.name AS partner, campaign.public_id AS campaign, lead.state,
           lead.why, lead.outcome, lead.attempts, coalesce(lead.look_at, lead.dial_at) AS next_at, lead.created_at,
           submission.request_id, contact.wrapped_key, contact.sealed
    FROM lead
    JOIN partner ON partner.id = lead.partner_id
    LEFT JOIN campaign ON campaign.id = lead.campaign_id
    LEFT JOIN contact ON contact.lead_id = lead.id
    LEFT JOIN submission ON submission.id = lead.submission_id
"""


async def find_leads(tx: Tx, vault: Vault, query: LeadQuery, page: PageWanted) -> Page[FoundLead]:
    """The leads of which all that is asked holds, newest first. Raises Invalid, naming the field that is unusable."""
    given, owner = await _given(tx, vault, query), query.partner_id
    bounds = {"lead.id < :before": ("before", page.before), "lead.partner_id = :partner_id": ("partner_id", owner)}
    bounds = {condition: bound for condition, bound in bounds.items() if bound[1] is not None}
    ids = " INTERSECT ".join(f"({_BY[name]})" for name in given)
    where = [*bounds, *(["lead.id IN (SELECT * FROM found)"] if given else [])]
    statement = (
        (f"WITH found AS MATERIALIZED ({ids})" if given else "")
        + _FOUND
        + (f"WHERE {' AND '.join(where)}" if where else "")
        + " ORDER BY lead.id DESC LIMIT :most"
    )
    rows = (await tx.execute(text(statement), {**given, **dict(bounds.values()), "most": page.size + 1})).all()
    return page_of(rows, page, lambda row: _found(vault, row, of_partner=owner is not None))


async def _given(tx: Tx, vault: Vault, query: LeadQuery) -> dict[str, Any]:
    """The parameters of those parts of _BY that are asked for."""
    given: dict[str, Any] = {}
    for name in ("lead_id", "delivery_id", "partner_id"):
        number = getattr(query, name)
        if number is not None and not 0 < number <= MOST_ID:
            raise Invalid("must be a whole number from 1 on.", field=name)
    for name in ("phone", "email", "request_id", "reference", "event_id", "lead_id", "delivery_id"):
        value = getattr(query, name)
        if isinstance(value, str):
            value = _text(value, name)
        if value is not None:
            given[name] = value
    if "phone" in given:
        given["phone"] = await phone_hashes(tx, vault, query)
    if "email" in given:
        given["email"] = vault.index("email", given["email"].lower())
    if "reference" in given:
        given["reference"] = await _reference_keys(tx, vault, given["reference"], query.partner_id)
    return given


def _text(value: str, field: str) -> str:
    cleaned = value.strip()
    if not cleaned or len(cleaned) > LONGEST_TEXT or not cleaned.isprintable():
        raise Invalid(f"must be 1 to {LONGEST_TEXT} printable characters.", field=field)
    return cleaned


async def phone_hashes(tx: Tx, vault: Vault, query: LeadQuery) -> list[bytes]:
    """The keyed hashes of the numbers that `query.phone` may mean. Raises Invalid when it is none."""
    phone = query.phone or ""
    regions: list[str | None] = [query.region.strip().upper()] if query.region else [None]
    if not query.region and "+" not in phone:
        partners = select(Partner.region, Partner.api).distinct()
        if query.partner_id is not None:
            partners = partners.where(Partner.id == query.partner_id)
        for row in await tx.execute(partners):
            regions += [row.region, registry.find(row.api).region]
    found = []
    for region in dict.fromkeys(regions):
        try:
            found.append(phones.parse(phone, region).e164)
        except phones.InvalidPhone:
            continue
    if not found:
        raise Invalid("is no phone number; without its country code it needs a region, such as GB.", field="phone")
    return [vault.index("phone", each) for each in dict.fromkeys(found)]


async def _reference_keys(tx: Tx, vault: Vault, reference: str, partner_id: int | None) -> list[bytes]:
    """The dedupe keys of leads with this id of their sender's, in all campaigns of the partner, or of all partners."""
    identities = {api.name: api.identities for api in registry.PARTNER_APIS if api.identities}
    return [
        identity_key(vault, tenant, identity)
        for tenant in await load_tenants(tx, list(identities), partner_id)
        for identity in identities[tenant.api](list(tenant.campaigns.values()), reference)
    ]


def _found(vault: Vault, row: Any, *, of_partner: bool) -> FoundLead:
    """`of_partner`: as the lead's partner may see it."""
    masked = contacts.masked(vault, row.id, row.wrapped_key, row.sealed)
    return FoundLead(
        id=row.id,
        api=row.api,
        partner_id=row.partner_id,
        partner=row.partner,
        campaign=row.campaign,
        reference=masked.reference,
        request_id=row.request_id,
        phone=masked.phone,
        name=masked.name,
        email=masked.email,
        state=row.state,
        why=journal.for_partner(row.why) if of_partner else row.why,
        outcome=row.outcome,
        attempts=row.attempts,
        next_at=row.next_at if row.state in _OPEN else None,
        created_at=row.created_at,
    )
