"""What a SquadIQ sender does with leads that it has created: stop, change, convert or erase them; read their results.

Whoever changes a lead locks it first, so that these take turns with the due timer, the dialer and each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, update

from hub.contracts import squadiq
from hub.contracts.squadiq_bodies import UNKNOWN, InvalidRequest, LeadReference, ParsedUpdate, phone_of
from hub.contracts.squadiq_query import ResponsesQuery
from hub.dialing.time_zones import locate
from hub.errors import Forbidden, NotFound
from hub.leads import Campaign, LeadState, Tenant
from hub.people import Person
from hub.seal import Vault
from hub.store import contacts, erasure, events, journal, results, withdrawals
from hub.store.db import outbox
from hub.store.db.engine import Tx
from hub.store.lead_rows import LeadRow, lock_identities
from hub.store.leads import identity_key, reach
from hub.store.responses import LEAD_NOT_FOUND
from hub.store.results import ResultsPage
from hub.store.stops import stop_leads
from hub.store.tables import Lead
from hub.store.tenants import load_tenant


@dataclass(frozen=True, slots=True)
class CampaignScope:
    """Where a request is at work: one campaign of its tenant."""

    tenant: Tenant
    campaign: Campaign

    def key(self, vault: Vault, lead_id: str) -> bytes:
        return identity_key(vault, self.tenant, squadiq.identity(self.campaign, lead_id))


async def find_scope(tx: Tx, partner_id: int, campaign_id: str) -> CampaignScope:
    """Raises Forbidden for a campaign that is another's, in the same words as for one that doesn't exist."""
    tenant = await load_tenant(tx, partner_id, shared_identity=False)
    if campaign_id not in tenant.campaigns:
        raise Forbidden("This token opens no such campaign.")
    return CampaignScope(tenant, tenant.campaigns[campaign_id])


async def disable(tx: Tx, vault: Vault, scope: CampaignScope, references: Sequence[LeadReference]) -> int:
    """Stop all calls to these leads; returns how many leads they are. Raises InvalidRequest, naming those unknown."""
    known = await _locked(tx, vault, scope, [one.lead_id for one in references])
    if unknown := [one.error(UNKNOWN) for one in references if one.lead_id not in known]:
        raise InvalidRequest(unknown)
    await stop_leads(tx, vault, list(known.values()), "disabled by its sender")
    return len(known)


async def update_lead(tx: Tx, vault: Vault, scope: CampaignScope, sent: ParsedUpdate) -> int:
    """Merge what is sent into what is stored, and move a waiting call to the new number and hours; returns the id.

    A call that a dialer holds now is made as it was given. Raises NotFound.
    """
    lead = await _one(tx, vault, scope, sent.lead_id)
    known = await contacts.load_contact(tx, vault, lead.id)
    before = Person.load(known.person)
    given = before.given | sent.given
    phone = phone_of(given["phone_number"])  # none: it was valid when it came, by the numbering plan of that time
    person = replace(before, given=given) if phone is None else squadiq.person(given, phone)
    await contacts.save_person(tx, vault, lead.id, known.key, person.as_json())
    changed: dict[str, Any] = {"updated_at": func.clock_timestamp()}
    if phone is not None:
        location = locate(phone, given)
        changed |= reach(vault, phone, location.zones, location.states)
        if lead.state.open and any(changed[name] != getattr(lead, name) for name in _DECIDES_WHEN):
            if not await withdrawals.stop_all(tx, [lead.id]):
                changed |= {"state": LeadState.SCHEDULED, "why": "its number or location was changed"}
            await outbox.put(tx, outbox.Kind.WAKE_LEAD, [lead.id])
    await tx.execute(update(Lead).where(Lead.id == lead.id).values(changed))
    return lead.id


_DECIDES_WHEN = ("phone_hash", "zones", "states")


async def convert(tx: Tx, vault: Vault, scope: CampaignScope, lead_id: str, detail: str) -> int:
    """Note that the lead has bought, and don't call it any more; returns its id. Raises NotFound."""
    lead = await _one(tx, vault, scope, lead_id)
    known = await contacts.load_contact(tx, vault, lead.id)
    if known.responses.get("converted") != detail:
        await contacts.save_responses(tx, lead.id, known.key, known.responses | {"converted": detail})
        await journal.note(tx, "lead.converted", [(lead.id, None)])
        data = {"lead_id": lead.id, "api": lead.api, "campaign": scope.campaign.public_id, "detail": detail}
        await events.record(tx, vault, lead.partner_id, [events.NewEvent("lead.converted", data, lead_id=lead.id)])
    await stop_leads(tx, vault, [lead], "converted by its sender")
    return lead.id


async def delete(tx: Tx, vault: Vault, scope: CampaignScope, lead_id: str) -> None:
    """Erase the lead. Raises NotFound."""
    await erasure.erase(tx, vault, await _one(tx, vault, scope, lead_id))


async def responses(tx: Tx, vault: Vault, scope: CampaignScope, query: ResponsesQuery) -> ResultsPage:
    """How many leads the query finds, and those of its page."""
    # No parameter: a prepared statement would not know that the index without erased leads holds all that it wants.
    where: list[ColumnElement[bool]] = [Lead.campaign_id == scope.campaign.id, Lead.state != literal_column("'erased'")]
    if query.lead_id is None:
        where.append(Lead.processed_at.is_not(None))
    else:
        where.append(Lead.dedupe_key == scope.key(vault, query.lead_id))
    if query.after:
        where.append(Lead.processed_at > query.after)
    if query.before:
        where.append(Lead.processed_at < query.before)
    return await results.page_of(tx, where, query)


async def _locked(tx: Tx, vault: Vault, scope: CampaignScope, lead_ids: Sequence[str]) -> dict[str, LeadRow]:
    """The campaign's leads of these ids, locked in one order so that two requests never wait in a circle."""
    keys = {scope.key(vault, lead_id): lead_id for lead_id in lead_ids}
    leads = await lock_identities(tx, list(keys))
    return {keys[lead.dedupe_key]: lead for lead in leads if lead.dedupe_key is not None}


async def _one(tx: Tx, vault: Vault, scope: CampaignScope, lead_id: str) -> LeadRow:
    found = await _locked(tx, vault, scope, [lead_id])
    if lead_id not in found:
        raise NotFound(LEAD_NOT_FOUND)
    return found[lead_id]
