"""Storing new leads: each identity once, over all racing requests, with the person sealed by a key of their own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from hub import phones
from hub.dialing import time_zones
from hub.leads import BadRow, Created, Existing, LeadState, NewLead, Refused, Result, Row, Tenant
from hub.seal import Vault
from hub.store import contacts
from hub.store.db.engine import Tx
from hub.store.tables import Contact, Lead


@dataclass(frozen=True, slots=True)
class _Draft:
    """A row that no stored lead stands against, with the id and the time it will have."""

    index: int
    lead: NewLead
    key: bytes | None
    id: int
    now: datetime


async def store_leads(
    tx: Tx, vault: Vault, tenant: Tenant, submission_id: int, rows: Sequence[Row], reserved_id: int | None = None
) -> list[Result]:
    """Create what is new and say for each row, in order, what became of it.

    `reserved_id`: the id of the only row's lead, if it becomes one; its workflow is running already.

    A second row with the identity of an earlier one (in this batch, in the database, or in a transaction that commits
    first) is Existing, with that one's id. What shall be kept but not called (see NewLead) is Refused.
    """
    results = await _store(tx, vault, tenant, submission_id, rows, reserved_id)
    refused = {
        index: replace(row, identity=None, refused=row.refuse_known(result.state))
        for index, (row, result) in enumerate(zip(rows, results, strict=True))
        if isinstance(result, Existing) and isinstance(row, NewLead) and row.refuse_known
    }
    if refused:
        kept = await _store(tx, vault, tenant, submission_id, list(refused.values()), reserved_id)
        for index, result in zip(refused, kept, strict=True):
            results[index] = result
    return results


async def _store(
    tx: Tx, vault: Vault, tenant: Tenant, submission_id: int, rows: Sequence[Row], reserved_id: int | None
) -> list[Result]:
    keys = [
        None if isinstance(row, BadRow) or row.identity is None else identity_key(vault, tenant, row.identity)
        for row in rows
    ]
    known = await _known(tx, keys)
    drafts = await _draft(tx, rows, keys, known, reserved_id)
    created = (
        await _insert(tx, vault, tenant, submission_id, drafts, started=reserved_id is not None) if drafts else set()
    )
    lost = [draft.key for draft in drafts if draft.id not in created]
    known |= await _known(tx, lost)
    known |= {
        draft.key: Existing(draft.id, LeadState.SCHEDULED) for draft in drafts if draft.key and draft.id in created
    }
    firsts = {draft.index: _kept(draft) for draft in drafts if draft.id in created}
    return [
        row if isinstance(row, BadRow) else firsts.get(index) or known[key or b""]
        for index, (row, key) in enumerate(zip(rows, keys, strict=True))
    ]


def identity_key(vault: Vault, tenant: Tenant, identity: str) -> bytes:
    """The `dedupe_key` of the tenant's lead with this identity."""
    owner = "" if tenant.shared_identity else f"{tenant.id} "
    return vault.index("identity", f"{tenant.api} {owner}{identity}")


def _kept(draft: _Draft) -> Created | Refused:
    return Created(draft.id) if draft.lead.refused is None else Refused(draft.id, draft.lead.refused)


async def _known(tx: Tx, keys: Sequence[bytes | None]) -> dict[bytes, Existing]:
    wanted = [key for key in keys if key]
    if not wanted:
        return {}
    found = await tx.execute(select(Lead.dedupe_key, Lead.id, Lead.state).where(Lead.dedupe_key.in_(wanted)))
    return {key: Existing(lead_id, LeadState(state)) for key, lead_id, state in found if key}


async def _draft(
    tx: Tx,
    rows: Sequence[Row],
    keys: Sequence[bytes | None],
    known: dict[bytes, Existing],
    reserved_id: int | None,
) -> list[_Draft]:
    """The first row of each new identity, numbered in the order of the rows."""
    seen: set[bytes | None] = set(known)
    fresh: list[tuple[int, NewLead, bytes | None]] = []
    for index, (row, key) in enumerate(zip(rows, keys, strict=True)):
        if isinstance(row, NewLead) and (key is None or key not in seen):
            fresh.append((index, row, key))
            seen.add(key)
    if not fresh:
        return []
    now, ids = await _clock_and_ids(tx, len(fresh), reserved_id)
    return [_Draft(*new, lead_id, now) for new, lead_id in zip(fresh, ids, strict=True)]


_CLOCK = text("SELECT clock_timestamp()")
_CLOCK_AND_IDS = text("SELECT clock_timestamp(), nextval('lead_id_seq') FROM generate_series(1, :n)")


async def _clock_and_ids(tx: Tx, count: int, reserved_id: int | None) -> tuple[datetime, list[int]]:
    """The database's time, and the ids that new leads will have."""
    if reserved_id is not None:
        return (await tx.execute(_CLOCK)).scalar_one(), [reserved_id]
    rows = (await tx.execute(_CLOCK_AND_IDS, {"n": count})).all()
    return rows[0][0], [lead_id for _, lead_id in rows]


async def _insert(
    tx: Tx, vault: Vault, tenant: Tenant, submission_id: int, drafts: list[_Draft], *, started: bool
) -> set[int]:
    """Insert leads and contacts; returns the ids, without those whose identity a racing transaction stored first.

    `started`: their workflow is running already.
    """
    # In the order of their keys, so that two batches with the same numbers never deadlock.
    ordered = sorted(drafts, key=lambda draft: draft.key or b"")
    leads = [_lead_row(vault, tenant, submission_id, draft, started=started) for draft in ordered]
    unique = insert(Lead).on_conflict_do_nothing(index_elements=[Lead.dedupe_key]).returning(Lead.id)
    stored = set((await tx.execute(unique, leads)).scalars())
    if contacts := [_contact_row(vault, draft) for draft in ordered if draft.id in stored]:
        await tx.execute(insert(Contact), contacts)
    return stored


async def discard_leads(tx: Tx, lead_ids: Sequence[int]) -> None:
    """Take back what this very transaction has stored."""
    mine = list(lead_ids)
    await tx.execute(delete(Contact).where(Contact.lead_id == func.any(mine)))
    await tx.execute(delete(Lead).where(Lead.id == func.any(mine)))


def _lead_row(vault: Vault, tenant: Tenant, submission_id: int, draft: _Draft, *, started: bool) -> dict[str, object]:
    lead, phone = draft.lead, draft.lead.phone
    return {
        "id": draft.id,
        "partner_id": tenant.id,
        "api": tenant.api,
        "campaign_id": lead.campaign_id,
        "submission_id": submission_id,
        "dedupe_key": draft.key,
        **reach(vault, phone, lead.zones),
        "language": lead.language,
        "states": sorted(lead.states),
        "state": LeadState.REFUSED if lead.refused else LeadState.SCHEDULED,
        "why": lead.refused,
        "started": started or lead.refused is not None,
        "dial_at": draft.now + lead.delay,
        "created_at": draft.now,
        "updated_at": draft.now,
    }


def reach(vault: Vault, phone: phones.Phone | None, zones: tuple[str, ...] = ()) -> dict[str, object]:
    """The columns that say by which number, and in which zones, a lead is reached."""
    return {
        "phone_hash": vault.index("phone", phone.e164) if phone else None,
        "grade": (phone.refusal or phone.grade) if phone else None,
        "region": phone.region if phone else None,
        "zones": list(time_zones.candidates(zones or phone.zones, phone.e164)) if phone else [],
    }


def _contact_row(vault: Vault, draft: _Draft) -> dict[str, object]:
    key, wrapped = vault.new_key()
    return {
        "lead_id": draft.id,
        "wrapped_key": wrapped,
        **contacts.seal_person(vault, key, draft.id, draft.lead.person),
    }
