"""Registering a submission: its rows become leads, its answer is worded and kept, all in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from sqlalchemy import func, select, update

from hub import strictjson
from hub.contracts import LEAD_CONTRACTS
from hub.leads import Created, Existing, Result
from hub.seal import Vault
from hub.settings import DedupeScope
from hub.store import events, submissions
from hub.store.db.engine import Tx
from hub.store.leads import discard_leads, store_leads
from hub.store.partners import margav
from hub.store.tables import Campaign, Lead
from hub.store.tenants import load_tenant


@dataclass(frozen=True, slots=True)
class Registered:
    """How many rows of a submission became leads, were known already, or were turned down.

    `reported`: leads that were called before they came, so that they need no workflow.
    """

    created: int
    known: int
    refused: int
    reported: int = 0

    @property
    def summary(self) -> str:
        """For Temporal's UI."""
        if self.reported:
            return f"{self.reported} reported by a dialer"
        return f"{self.created} created, {self.known} known already, {self.refused} turned down"


_REPORTED, _TURNED_DOWN = Registered(0, 0, 0, reported=1), Registered(0, 0, refused=1)


async def register(tx: Tx, vault: Vault, submission_id: int, scope: DedupeScope) -> Registered:
    """Create the submission's leads and store its answer. Run again it changes nothing."""
    submission = await submissions.lock_open(tx, vault, submission_id)
    if submission is None:
        return await _registered_before(tx, submission_id)
    tenant = await load_tenant(tx, submission.partner_id, shared_identity=scope is DedupeScope.HUB)
    body = strictjson.loads(submission.body)
    if submission.api == "margav":
        answer = await margav.handle_report(tx, vault, tenant, submission.id, body)
        await submissions.store_response(tx, vault, submission, answer)
        return _REPORTED if answer.status == HTTPStatus.CREATED else _TURNED_DOWN
    contract = LEAD_CONTRACTS[submission.api]
    rows = contract.read(body, tenant, submission.campaign_id)
    results = await store_leads(tx, vault, tenant, submission.id, rows)
    answer = contract.answer(body, results)
    if answer.status >= HTTPStatus.BAD_REQUEST:
        await discard_leads(tx, [result.lead_id for result in results if isinstance(result, Created)])
        results = [result for result in results if not isinstance(result, Created)]
    await submissions.store_response(tx, vault, submission, answer)
    await _tell(tx, vault, submission, results)
    return _count(results)


async def _registered_before(tx: Tx, submission_id: int) -> Registered:
    created = (await tx.execute(select(Lead.id).where(Lead.submission_id == submission_id))).all()
    return Registered(len(created), 0, 0)


def _count(results: Sequence[Result]) -> Registered:
    created = sum(isinstance(result, Created) for result in results)
    known = sum(isinstance(result, Existing) for result in results)
    return Registered(created, known, len(results) - created - known)


async def _tell(tx: Tx, vault: Vault, submission: submissions.OpenSubmission, results: Sequence[Result]) -> None:
    created = [result.lead_id for result in results if isinstance(result, Created)]
    if created:
        told = [events.NewEvent("lead.created", {"lead_id": i, "api": submission.api}, lead_id=i) for i in created]
        await events.record(tx, vault, submission.partner_id, told)


@dataclass(frozen=True, slots=True)
class Unstarted:
    """A stored lead whose workflow is still to be started."""

    lead_id: int
    partner_id: int
    api: str
    campaign: str | None
    due_at: datetime
    delayed: bool


async def unstarted(tx: Tx, submission_id: int) -> list[Unstarted]:
    """The submission's leads that have no workflow yet."""
    rows = (
        select(
            Lead.id, Lead.partner_id, Lead.api, Campaign.public_id, Lead.dial_at, Lead.dial_at > func.clock_timestamp()
        )
        .outerjoin(Campaign, Campaign.id == Lead.campaign_id)
        .where(Lead.submission_id == submission_id, ~Lead.started)
        .order_by(Lead.id)
    )
    return [Unstarted(*row) for row in await tx.execute(rows)]


async def mark_started(tx: Tx, lead_ids: Sequence[int]) -> None:
    await tx.execute(update(Lead).where(Lead.id.in_(lead_ids)).values(started=True))
