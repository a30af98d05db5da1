"""Registering a submission: its rows become leads, its response is worded and kept, all in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, select, update

from hub import strictjson
from hub.contracts import registry
from hub.contracts.registry import Discounts, LeadContract, Leads, Reports
from hub.errors import HubError
from hub.leads import ApiResponse, BadRow, Created, Existing, NewLead, Refused, Registered, Result, Row, Tenant
from hub.reasons import KNOWN, Reason, RowCounts
from hub.seal import Vault
from hub.settings import DedupeScope
from hub.store import events, submissions
from hub.store.db.engine import Tx
from hub.store.leads import ReservedLead, discard_leads, store_leads
from hub.store.submissions import OpenSubmission
from hub.store.tables import Lead
from hub.store.tenants import load_tenant

_REPORTED, _TURNED_DOWN = Registered(0, 0, 0, reported=1), Registered(0, 0, refused=1)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a submission.

    `lead_id`: the one lead that it is about, None for none or several. `known_lead_ids`: leads of rows that were known.
    """

    registered: Registered
    response: ApiResponse
    lead_id: int | None
    known_lead_ids: tuple[int, ...] = ()


async def register(tx: Tx, vault: Vault, submission_id: int, scope: DedupeScope) -> Registered:
    """Create the submission's leads and store its response. Run again it changes nothing."""
    submission = await submissions.lock_open(tx, vault, submission_id)
    if submission is None:
        return await _registered_before(tx, submission_id)
    outcome = await _register(tx, vault, submission, scope)
    known = outcome.known_lead_ids
    await submissions.store_response(
        tx, vault, submission, outcome.response, lead_id=outcome.lead_id, known_lead_ids=known
    )
    return replace(outcome.registered, partner_id=submission.partner_id, api=submission.api)


async def _register(tx: Tx, vault: Vault, submission: OpenSubmission, scope: DedupeScope) -> _Outcome:
    tenant = await load_tenant(tx, submission.partner_id, shared_identity=scope is DedupeScope.HUB)
    body = strictjson.loads_stored(submission.body)
    match registry.find(submission.api).handling:
        case Leads(contract=contract):
            return await _register_leads(tx, vault, tenant, submission, body, contract)
        case Reports(handler=handle_report):
            response = await handle_report(tx, vault, tenant, submission, body)
            registered = _TURNED_DOWN if response.rejected else _REPORTED
            return _Outcome(registered, response, response.lead_id)
        case Discounts():
            raise NotALeadApi(submission.api)


class NotALeadApi(HubError):
    """A submission without leads was given to the intake. Trying again does not help."""

    def __init__(self, api: str) -> None:
        super().__init__(f"Requests of {api} hold no leads.")


async def _register_leads(
    tx: Tx, vault: Vault, tenant: Tenant, submission: OpenSubmission, body: Any, contract: LeadContract
) -> _Outcome:
    rows = contract.read(body, tenant, submission.campaign_id)
    reserved = None if submission.lead_id is None else ReservedLead(submission.lead_id, submission.token)
    results = await store_leads(tx, vault, tenant, submission.id, rows, reserved)
    response = contract.answer(body, results)
    response = replace(response, rows=_count_rows(results, rejected=response.rejected))
    if response.rejected:
        await discard_leads(tx, [result.lead_id for result in results if isinstance(result, Created)])
        results = [result for result in results if not isinstance(result, Created)]
    if tenant.has_endpoints:
        await _record_created(tx, vault, submission, results)
    known = tuple(sorted({result.lead_id for result in results if isinstance(result, Existing)}))
    if submission.lead_id is None:
        return _Outcome(_count(results), response, None, known)
    kept = [result.lead_id for result in results if isinstance(result, Created | Refused)]
    registered = replace(_count(results), campaign=_campaign(tenant, rows))
    return _Outcome(registered, response, kept[0] if kept else None, known)


def _campaign(tenant: Tenant, rows: Sequence[Row]) -> str | None:
    ids = [row.campaign_id for row in rows if isinstance(row, NewLead)]
    return next((campaign.public_id for campaign in tenant.campaigns.values() if campaign.id in ids), None)


async def _registered_before(tx: Tx, submission_id: int) -> Registered:
    created = select(func.count()).select_from(Lead).where(Lead.submission_id == submission_id)
    return Registered((await tx.execute(created)).scalar_one(), 0, 0)


def _count(results: Sequence[Result]) -> Registered:
    created = sum(isinstance(result, Created) for result in results)
    known = sum(isinstance(result, Existing) for result in results)
    return Registered(created, known, len(results) - created - known)


def _count_rows(results: Sequence[Result], *, rejected: bool) -> RowCounts:
    """What is kept of the rows with their request. Of a rejected one the rows that were new are refused with it."""
    counted = _count(results)
    reasons = tuple(reason for row, result in enumerate(results) if (reason := _reason(row, result)))
    if rejected:
        return RowCounts(0, counted.known, counted.created + counted.refused, reasons)
    return RowCounts(counted.created, counted.known, counted.refused, reasons)


def _reason(row: int, result: Result) -> Reason | None:
    match result:
        case Existing(lead_id=lead_id):
            return Reason(KNOWN, row=row, lead_id=lead_id)
        case Refused(lead_id=lead_id, reason=reason):
            return Reason(reason, row=row, lead_id=lead_id)
        case BadRow(reason=reason):
            return Reason(reason, row=row)
        case _:
            return None


async def _record_created(tx: Tx, vault: Vault, submission: OpenSubmission, results: Sequence[Result]) -> None:
    created = [result.lead_id for result in results if isinstance(result, Created)]
    if created:
        data = {"api": submission.api}
        new_events = [events.NewEvent("lead.created", {"lead_id": i, **data}, lead_id=i) for i in created]
        await events.record(tx, vault, submission.partner_id, new_events)


async def mark_started(tx: Tx, lead_ids: Sequence[int]) -> None:
    """Their workflows are running."""
    await tx.execute(update(Lead).where(Lead.id == func.any(list(lead_ids)), ~Lead.started).values(started=True))
