"""Storing new leads: each identity once, over all racing requests, with the person sealed by a key of their own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete, func, text

from hub import phones
from hub.dialing import time_zones
from hub.leads import BadRow, Created, Existing, LeadState, NewLead, Refused, Result, Row, Tenant
from hub.seal import Vault
from hub.store import contacts
from hub.store.db.engine import Tx
from hub.store.tables import Contact, Lead
from hub.store.tables.base import new_workflow_token


@dataclass(frozen=True, slots=True)
class _Draft:
    """A row that no stored lead stands against, with the id it will have."""

    index: int
    lead: NewLead
    key: bytes | None
    id: int
    token: str | None


@dataclass(frozen=True, slots=True)
class ReservedLead:
    """The id of a request's only lead, if it becomes one, and its workflow's token: that is running already."""

    id: int
    token: str | None


async def store_leads(
    tx: Tx, vault: Vault, tenant: Tenant, submission_id: int, rows: Sequence[Row], reserved: ReservedLead | None = None
) -> list[Result]:
    """Create what is new and say for each row, in order, what became of it. `reserved`: for the only row.

    A second row with the identity of an earlier one (in this batch, in the database, or in a transaction that commits
    first) is Existing, with that one's id. What shall be kept but not called (see NewLead) is Refused.
    """
    results = await _store(tx, vault, tenant, submission_id, rows, reserved)
    refused = {
        index: replace(row, identity=None, refused=row.refuse_known(result.state))
        for index, (row, result) in enumerate(zip(rows, results, strict=True))
        if isinstance(result, Existing) and isinstance(row, NewLead) and row.refuse_known
    }
    if refused:
        kept = await _store(tx, vault, tenant, submission_id, list(refused.values()), reserved)
        for index, result in zip(refused, kept, strict=True):
            results[index] = result
    return results


async def _store(
    tx: Tx, vault: Vault, tenant: Tenant, submission_id: int, rows: Sequence[Row], reserved: ReservedLead | None
) -> list[Result]:
    keys = [
        None if isinstance(row, BadRow) or row.identity is None else identity_key(vault, tenant, row.identity)
        for row in rows
    ]
    # One row alone is stored at once: the unique index says whether it was known.
    known = await _known(tx, keys) if reserved is None else {}
    drafts = await _draft(tx, rows, keys, known, reserved)
    created = await _insert(tx, vault, tenant, submission_id, drafts, started=reserved is not None) if drafts else set()
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
    return {
        row.dedupe_key: Existing(row.id, LeadState(row.state)) for row in await tx.execute(_KNOWN, {"keys": wanted})
    }


_KNOWN = text("SELECT dedupe_key, id, state FROM lead WHERE dedupe_key = ANY(:keys)")


async def _draft(
    tx: Tx,
    rows: Sequence[Row],
    keys: Sequence[bytes | None],
    known: dict[bytes, Existing],
    reserved: ReservedLead | None,
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
    if reserved is not None:
        return [_Draft(*new, reserved.id, reserved.token) for new in fresh]
    ids = (await tx.execute(_NEXT_IDS, {"n": len(fresh)})).scalars()
    return [_Draft(*new, lead_id, new_workflow_token()) for new, lead_id in zip(fresh, ids, strict=True)]


_NEXT_IDS = text("SELECT nextval('lead_id_seq') FROM generate_series(1, :n)")


_INSERT = text("""
    WITH new AS (
        SELECT * FROM unnest(
            CAST(:id AS bigint[]), CAST(:row_index AS integer[]), CAST(:campaign_id AS bigint[]),
            CAST(:dedupe_key AS bytea[]), CAST(:phone_hash AS bytea[]), CAST(:grade AS text[]),
            CAST(:region AS text[]), CAST(:zones AS text[]), CAST(:language AS text[]), CAST(:states AS text[]),
            CAST(:state AS text[]), CAST(:why AS text[]), CAST(:started AS boolean[]), CAST(:delay AS interval[]),
            CAST(:wrapped_key AS bytea[]), CAST(:sealed AS bytea[]), CAST(:email_hash AS bytea[]),
            CAST(:workflow_token AS text[])
        ) AS new (id, row_index, campaign_id, dedupe_key, phone_hash, grade, region, zones, language, states, state,
                  why, started, delay, wrapped_key, sealed, email_hash, workflow_token)
    ), stored AS (
        INSERT INTO lead (id, row_index, partner_id, api, submission_id, campaign_id, dedupe_key, phone_hash, grade,
                          region, zones, language, states, state, why, started, workflow_token, dial_at)
        SELECT id, row_index, :partner_id, :api, :submission_id, campaign_id, dedupe_key, phone_hash, grade, region,
               string_to_array(zones, ','), language, string_to_array(states, ','), state, why, started,
               workflow_token, statement_timestamp() + delay
        FROM new ON CONFLICT (dedupe_key) DO NOTHING RETURNING id
    )
    INSERT INTO contact (lead_id, wrapped_key, sealed, email_hash)
    SELECT id, wrapped_key, sealed, email_hash FROM new JOIN stored USING (id) RETURNING lead_id
""")


async def _insert(
    tx: Tx, vault: Vault, tenant: Tenant, submission_id: int, drafts: list[_Draft], *, started: bool
) -> set[int]:
    """Insert leads and contacts; returns the ids, without those whose identity a racing transaction stored first.

    `started`: their workflow is running already.
    """
    # In the order of their keys, so that two batches with the same numbers never deadlock.
    rows = [_row(vault, draft, started=started) for draft in sorted(drafts, key=lambda draft: draft.key or b"")]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    owner = {"partner_id": tenant.id, "api": tenant.api, "submission_id": submission_id}
    return set((await tx.execute(_INSERT, owner | columns)).scalars())


async def discard_leads(tx: Tx, lead_ids: Sequence[int]) -> None:
    """Take back what this very transaction has stored."""
    mine = list(lead_ids)
    await tx.execute(delete(Contact).where(Contact.lead_id == func.any(mine)))
    await tx.execute(delete(Lead).where(Lead.id == func.any(mine)))


def _row(vault: Vault, draft: _Draft, *, started: bool) -> dict[str, object]:
    """The lead and its contact, as _INSERT takes them: lists of names joined by commas."""
    lead = draft.lead
    key, wrapped = vault.new_key()
    reached = reach(vault, lead.phone, lead.zones, lead.states)
    return {
        "id": draft.id,
        "row_index": draft.index,
        "dedupe_key": draft.key,
        "campaign_id": lead.campaign_id,
        **reached,
        "zones": ",".join(reached["zones"]),
        "language": lead.language,
        "states": ",".join(reached["states"]),
        "state": LeadState.REFUSED if lead.refused else LeadState.SCHEDULED,
        "why": lead.refused,
        "started": started or lead.refused is not None,
        "workflow_token": draft.token,
        "delay": lead.delay,
        "wrapped_key": wrapped,
        **contacts.seal_person(vault, key, draft.id, lead.person),
    }


def reach(
    vault: Vault, phone: phones.Phone | None, zones: tuple[str, ...] = (), states: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """The columns that say by which number, and by the hours of which zones and states, a lead is reached."""
    return {
        "phone_hash": vault.index("phone", phone.e164) if phone else None,
        "grade": (phone.refusal or phone.grade) if phone else None,
        "region": phone.region if phone else None,
        "zones": list(time_zones.candidates(zones or phone.zones, phone.e164)) if phone else [],
        "states": sorted(states),
    }
