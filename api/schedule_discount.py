"""A discount request is stored, its workflow is started, then it is confirmed: code 0 promises all of it, 501 nothing.

No transaction waits for Temporal: one that is frozen would take the connections of everybody else.
"""

from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from temporalio.service import RPCError

from api.exchange import exchange_of
from api.services import Services
from api.submit import response_of
from hub.contracts import leanpub
from hub.contracts.leanpub import RequestRefusal
from hub.leads import ApiResponse
from hub.reasons import RowCounts
from hub.store import discounts, submissions
from hub.store.db.engine import Tx
from hub.store.discounts import Source, StoredDiscount
from hub.store.responses import StoredResponse
from hub.store.submissions import NewSubmission
from hub.temporal.starts import WorkflowStarter
from hub.temporal.vocabulary import DiscountRef


class DiscountRefused(Exception):
    """The request is refused, and nothing of it is kept."""

    def __init__(self, refusal: RequestRefusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class NotScheduled(Exception):
    """The request is promised to nobody, and nothing of it will happen. `failure`: the name of what went wrong."""

    def __init__(self, failure: str) -> None:
        super().__init__(failure)
        self.failure = failure


async def schedule_discount(request: Request, hub: Services, submission: NewSubmission, body: Any) -> Response:
    """Store the request of the decoded `body`, start its workflow, confirm it.

    Raises DiscountRefused, NotScheduled, and what `submissions.admit` raises.
    """
    starter = hub.starter  # first: nothing is stored while none can be had
    source, stored = await hub.turns.admit(submission.partner_id, lambda tx: _store(tx, hub, submission, body))
    if isinstance(stored, StoredResponse):
        exchange_of(request).replays(stored.id)
        return response_of(stored)
    if not stored.confirmed:
        await _start(hub, starter, source, stored)
    async with hub.turns.begin(source.partner_id) as tx:
        confirmed = await _confirm(tx, hub, source, stored)
    if confirmed is None:
        raise NotScheduled("Withdrawn")
    exchange_of(request).stored = True
    return response_of(confirmed)


async def _store(
    tx: Tx, hub: Services, submission: NewSubmission, body: Any
) -> tuple[Source, StoredDiscount | StoredResponse]:
    admitted = await submissions.admit(tx, hub.vault, submission)
    if isinstance(admitted, StoredResponse):
        return Source(0, submission.partner_id, submission.request_id), admitted
    parsed = leanpub.parse_request(body, await discounts.partner_facts(tx, submission.partner_id))
    if isinstance(parsed, RequestRefusal):
        raise DiscountRefused(parsed)
    source = Source(admitted.id, submission.partner_id, submission.request_id)
    return source, await discounts.store(tx, hub.vault, source, parsed, body)


async def _start(hub: Services, starter: WorkflowStarter, source: Source, stored: StoredDiscount) -> None:
    """Start the workflow, or withdraw the request. A workflow that Temporal accepted all the same finds no row."""
    try:
        await starter.start_discount(DiscountRef(stored.id, source.partner_id), stored.token)
    except RPCError as error:
        async with hub.turns.begin(source.partner_id) as tx:
            # A repeat of the request may have had more luck, and have confirmed it.
            withdrawn = await discounts.withdraw(tx, stored.id)
            if withdrawn:
                await submissions.discard(tx, source.submission_id)
        if withdrawn:
            raise NotScheduled(type(error).__name__) from None


async def _confirm(tx: Tx, hub: Services, source: Source, stored: StoredDiscount) -> StoredResponse | None:
    """Promise the request and store its response; None when it was withdrawn meanwhile."""
    submission = await submissions.lock_open(tx, hub.vault, source.submission_id)
    if submission is None:
        return await submissions.stored_response(tx, hub.vault, source.submission_id)
    if not await discounts.confirm(tx, stored.id):
        await submissions.discard(tx, source.submission_id)
        return None
    rows = RowCounts(created=1) if stored.public_id == source.request_id else RowCounts(known=1)
    answer = ApiResponse(HTTPStatus.OK, leanpub.acknowledged(stored.public_id), discount_id=stored.id, rows=rows)
    return await submissions.store_response(tx, hub.vault, submission, answer, lead_id=None)
