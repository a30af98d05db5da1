"""What a Margav dialer reports becomes a lead or adds to one; a call of the hub that it was about has its outcome."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from hub import strictjson
from hub.contracts import margav
from hub.contracts.margav import ParsedReport, ReportedPerson, StoredLead
from hub.languages import language
from hub.leads import ApiResponse, LeadState, Outcome, Tenant
from hub.seal import Vault
from hub.store import events, late_outcomes, outcomes
from hub.store.agents import Agent, find_agent
from hub.store.call_reports import CallReport
from hub.store.contacts import PERSON, open_column
from hub.store.db.engine import Tx
from hub.store.leads import identity_key
from hub.store.submissions import OpenSubmission
from hub.store.tables import Agent as AgentRow
from hub.store.tables import Contact, Lead

LOCK_CLASS = 0x4D4152  # advisory locks of this kind: one per partner


async def handle_report(tx: Tx, vault: Vault, tenant: Tenant, submission: OpenSubmission, body: Any) -> ApiResponse:
    """Create or update the reported lead with all that follows, and word the answer."""
    report = margav.parse(body)
    agent = await find_agent(tx, tenant.id, report.agents)
    if agent is None:
        return margav.unknown_agent(report)
    # One report of a partner at a time: what the next one finds by id or phone is complete.
    await tx.execute(select(func.pg_advisory_xact_lock(LOCK_CLASS, tenant.id)))
    known = await _known(tx, vault, tenant, report)
    changed = False
    if known is None:
        lead_id = await _create(tx, vault, tenant, submission, agent, report)
    else:
        lead_id = known.id
        changed = await _update(tx, vault, tenant, known, agent, report)
    if known is None or changed:
        await _record_events(tx, vault, tenant, lead_id, agent, report, created=known is None)
    await _end_call(tx, vault, tenant, report)
    stored = await load(tx, vault, tenant.id, lead_id)
    assert stored is not None  # noqa: S101 - stored above
    return margav.answer(stored, created=known is None)


async def load(tx: Tx, vault: Vault, partner_id: int, lead_id: int) -> StoredLead | None:
    """The partner's lead, None for another's and for one that is erased or was never reported by a dialer."""
    query = (
        select(Lead.created_at, Lead.updated_at, AgentRow.name, AgentRow.username, Contact.wrapped_key, Contact.sealed)
        .join(Contact, Contact.lead_id == Lead.id)
        .join(AgentRow, AgentRow.id == Lead.agent_id)
        .where(Lead.id == lead_id, Lead.partner_id == partner_id, Contact.wrapped_key.is_not(None))
    )
    row = (await tx.execute(query)).first()
    if row is None:
        return None
    person = ReportedPerson.of(open_column(vault, lead_id, row.wrapped_key, row.sealed, PERSON))
    return StoredLead(lead_id, person, row.name, row.username, row.created_at, row.updated_at)


@dataclass(frozen=True, slots=True)
class _KnownLead:
    """A lead that is reported again, locked; its person still sealed."""

    id: int
    dedupe_key: bytes | None
    agent_id: int | None
    wrapped_key: bytes
    sealed: bytes


async def _known(tx: Tx, vault: Vault, tenant: Tenant, report: ParsedReport) -> _KnownLead | None:
    """The lead of the dialer's id; else the latest of the phone, unless the dialer has another id for that one."""
    columns = (
        select(Lead.id, Lead.dedupe_key, Lead.agent_id, Contact.wrapped_key, Contact.sealed)
        .join(Contact, Contact.lead_id == Lead.id)
        .where(Lead.partner_id == tenant.id, Contact.wrapped_key.is_not(None))
        .with_for_update(of=Lead)
    )
    if key := _key(vault, tenant, report):
        found = (await tx.execute(columns.where(Lead.dedupe_key == key))).mappings().first()
        if found:
            return _KnownLead(**found)
    if report.phone is None:
        return None
    same = columns.where(Lead.phone_hash == vault.index("phone", report.phone.e164))
    if key:
        same = same.where(Lead.dedupe_key.is_(None))
    found = (await tx.execute(same.order_by(Lead.id.desc()).limit(1))).mappings().first()
    return None if found is None else _KnownLead(**found)


def _key(vault: Vault, tenant: Tenant, report: ParsedReport) -> bytes | None:
    return identity_key(vault, tenant, report.dialer_lead_id) if report.dialer_lead_id else None


def _columns(vault: Vault, agent: Agent, report: ParsedReport) -> dict[str, Any]:
    """The lead's columns that a report sets: its agent, and its number if it has one."""
    phone = report.phone
    if phone is None:
        return {"agent_id": agent.id}
    return {
        "agent_id": agent.id,
        "phone_hash": vault.index("phone", phone.e164),
        "grade": phone.grade,
        "region": phone.region,
        "language": language(phone.region),
    }


async def _create(
    tx: Tx, vault: Vault, tenant: Tenant, submission: OpenSubmission, agent: Agent, report: ParsedReport
) -> int:
    """A lead that needs no workflow: the call was before it."""
    now = (await tx.execute(select(func.clock_timestamp()))).scalar_one()
    moments = dict.fromkeys(("dial_at", "created_at", "updated_at", "called_at", "processed_at"), now)
    owner: dict[str, Any] = {
        "partner_id": tenant.id,
        "api": tenant.api,
        "submission_id": submission.id,
        "row_index": 0,
        "started": True,
    }
    if submission.lead_id is not None:
        owner |= {"id": submission.lead_id, "workflow_token": submission.token}
    row = insert(Lead).values(
        **owner,
        dedupe_key=_key(vault, tenant, report),
        state=LeadState.DONE,
        outcome=Outcome.INTERESTED,
        **moments,
        **_columns(vault, agent, report),
    )
    lead_id = (await tx.execute(row.returning(Lead.id))).scalar_one()
    key, wrapped = vault.new_key()
    sealed = key.seal(strictjson.dumps(ReportedPerson({}).after(report).stored()), row=str(lead_id), column=PERSON)
    contact = insert(Contact).values(lead_id=lead_id, wrapped_key=wrapped, sealed=sealed, **_email(vault, report))
    await tx.execute(contact)
    return lead_id


async def _update(tx: Tx, vault: Vault, tenant: Tenant, known: _KnownLead, agent: Agent, report: ParsedReport) -> bool:
    """Add what is reported; returns whether that changed anything.

    Blank fields are not among those reported, so that they overwrite nothing.
    """
    before = ReportedPerson.of(open_column(vault, known.id, known.wrapped_key, known.sealed, PERSON))
    person = before.after(report)
    sealed = vault.unwrap(known.wrapped_key).seal(strictjson.dumps(person.stored()), row=str(known.id), column=PERSON)
    contact = update(Contact).where(Contact.lead_id == known.id)
    await tx.execute(contact.values(sealed=sealed, **_email(vault, report)))
    key = known.dedupe_key or _key(vault, tenant, report)
    columns = {"dedupe_key": key, "updated_at": func.clock_timestamp(), **_columns(vault, agent, report)}
    await tx.execute(update(Lead).where(Lead.id == known.id).values(columns))
    return person != before or agent.id != known.agent_id


def _email(vault: Vault, report: ParsedReport) -> dict[str, bytes]:
    email = report.fields.get("email")
    return {"email_hash": vault.index("email", email.lower())} if email else {}


async def _record_events(
    tx: Tx, vault: Vault, tenant: Tenant, lead_id: int, agent: Agent, report: ParsedReport, *, created: bool
) -> None:
    new = [events.NewEvent("lead.created", {"lead_id": lead_id, "api": tenant.api}, lead_id=lead_id)]
    interested = {
        "lead_id": lead_id,
        "api": tenant.api,
        "campaign": report.fields.get("campaign"),
        "outcome": Outcome.INTERESTED,
        "agent": agent.username,
    }
    both = [*(new if created else []), events.NewEvent("lead.interested", interested, lead_id=lead_id)]
    await events.record(tx, vault, tenant.id, both)


# Only a call that a dialer had: one that never was with a dialer can't have been talked on.
_GIVEN = text("""
    SELECT call.lead_id FROM call JOIN partner ON partner.dialer_id = call.dialer_id
    WHERE call.id = :call_id AND partner.id = :partner_id AND call.phone_hash = :phone_hash
          AND call.leased_at IS NOT NULL
          AND (call.ended_at IS NULL OR call.ended_at > clock_timestamp() - interval '24 hours')
""")
# The lead before its call, as everywhere.
_LOCK_LEAD = text("SELECT id FROM lead WHERE id = :lead_id FOR UPDATE")
_HELD = text("SELECT dialer_id, token FROM call WHERE id = :call_id AND state = 'leased' FOR UPDATE")


async def _end_call(tx: Tx, vault: Vault, tenant: Tenant, report: ParsedReport) -> None:
    """If `vendor_id` is a call to this phone that the hub gave to the tenant's dialer, that call ended as interested.

    The tenant's dialer is the one that an operator has tied to it.
    """
    if report.call_id is None or report.phone is None:
        return
    phone_hash = vault.index("phone", report.phone.e164)
    wanted = {"call_id": report.call_id, "partner_id": tenant.id, "phone_hash": phone_hash}
    lead_id = (await tx.execute(_GIVEN, wanted)).scalar()
    if lead_id is None:
        return
    await tx.execute(_LOCK_LEAD, {"lead_id": lead_id})
    await late_outcomes.note_agent_report(tx, report.call_id)
    responses = {"comments": report.fields["comments"]} if "comments" in report.fields else {}
    held = (await tx.execute(_HELD, {"call_id": report.call_id})).first()
    if held is None:
        late = late_outcomes.LateOutcome(Outcome.INTERESTED, responses)
        await late_outcomes.raise_outcome(tx, vault, report.call_id, late)
    else:
        ended = CallReport(report.call_id, held.token, Outcome.INTERESTED, responses=responses)
        await outcomes.report(tx, vault, held.dialer_id, ended)
