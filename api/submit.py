"""The one way in: a request becomes a submission, its workflow is started, and the stored response is given.

Requests that start no workflow are carried out in the transaction that admits them.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog
from fastapi import Request, Response
from temporalio.client import RPCError, WorkflowUpdateFailedError
from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError as UpdateTimeout

from api.exchange import exchange_of
from api.services import Services
from hub.errors import Invalid, Unavailable
from hub.leads import ApiResponse
from hub.store import submissions
from hub.store.db.engine import Tx
from hub.store.keys import KeyHolder
from hub.store.responses import StoredResponse
from hub.store.submissions import Admitted, NewSubmission
from hub.temporal.starts import IntakeStart, WorkflowStarter

log = structlog.get_logger()


def new_submission(
    request: Request,
    services: Services,
    holder: KeyHolder,
    body: bytes,
    weight: int,
    *,
    campaign_id: int | None = None,
    one_row: bool = False,
) -> NewSubmission:
    """The request as admission needs it. Raises Invalid for an unusable Idempotency-Key.

    `one_row`: it holds a single lead, so that one workflow is enough for request and lead.
    """
    assert holder.partner_id is not None and holder.api is not None  # noqa: S101, PT018 - a partner's key, by its scope
    return NewSubmission(
        partner_id=holder.partner_id,
        key_id=holder.key_id,
        api=holder.api,
        route=f"{request.method} {request.url.path.rstrip('/')}",
        request_id=request.state.request_id,
        body=body,
        weight=weight,
        limit=holder.rate_limit,
        hold=services.settings.answer_timeout * 1.5,
        idempotency_key=idempotency_key(request),
        campaign_id=campaign_id,
        one_row=one_row,
    )


def idempotency_key(request: Request) -> str | None:
    """The request's Idempotency-Key, if it has one. Raises Invalid for an unusable one."""
    key = request.headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):  # noqa: PLR2004 - as the error says
        raise Invalid("must be 1 to 255 printable ASCII characters.", field="Idempotency-Key")
    return key


async def submit(request: Request, services: Services, submission: NewSubmission) -> Response:
    """Admit the submission, run its intake, and give the response that the intake stored.

    Raises what `submissions.admit` raises, and Unavailable when the response does not come in time; then the intake
    goes on by itself, and the client's repeat joins it.
    """
    starter = services.starter  # first: nothing is stored while none can be had
    admitted = await services.turns.admit(
        submission.partner_id, lambda tx: submissions.admit(tx, services.vault, submission)
    )
    if isinstance(admitted, StoredResponse):
        exchange_of(request).replays(admitted.id)
        return response_of(admitted)
    note_admission(request, admitted)
    try:
        async with asyncio.timeout(services.settings.answer_timeout.total_seconds()):
            stored = await _run_intake(services, starter, submission, admitted)
    except (TimeoutError, RPCError, UpdateTimeout, WorkflowUpdateFailedError) as error:
        log.warning("late", submission=admitted.id, failure=type(error).__name__)
        stored = None
    if stored is None:
        async with services.turns.begin(submission.partner_id) as tx:
            await submissions.mark_late(tx, admitted.id)
        raise Unavailable("This can't be answered in time. Please send the same request again.")
    return response_of(stored)


async def _run_intake(
    services: Services, starter: WorkflowStarter, submission: NewSubmission, admitted: Admitted
) -> StoredResponse | None:
    if admitted.joined and (stored := await _stored_response(services, submission, admitted)):
        return stored
    owner = submission.partner_id, submission.api, submission.request_id
    start = IntakeStart(admitted.id, *owner, admitted.token, admitted.lead_id)
    await starter.run_intake(start)
    if (stored := await _stored_response(services, submission, admitted)) or not admitted.joined:
        return stored
    # Its workflow has stored a response, in a database that was restored from a backup since.
    await starter.run_intake(start, anew=True)
    return await _stored_response(services, submission, admitted)


async def _stored_response(services: Services, submission: NewSubmission, admitted: Admitted) -> StoredResponse | None:
    async with services.turns.autocommit(submission.partner_id) as tx:
        return await submissions.stored_response(tx, services.vault, admitted.id)


def note_admission(request: Request, admitted: Admitted) -> None:
    """The request has a submission's row: its own, or that of the earlier request that it joins."""
    if admitted.joined:
        exchange_of(request).replays(admitted.id)
    else:
        exchange_of(request).stored = True


async def execute(
    request: Request, services: Services, submission: NewSubmission, action: Callable[[Tx], Awaitable[ApiResponse]]
) -> Response:
    """Admit the submission and carry it out in the same transaction: for changes that start no workflow.

    An action that refuses raises, and nothing of the submission is kept.
    """
    admitted, stored = await services.turns.admit(
        submission.partner_id, lambda tx: _execute(tx, services, submission, action)
    )
    if isinstance(admitted, StoredResponse):
        exchange_of(request).replays(admitted.id)
        return response_of(admitted)
    note_admission(request, admitted)
    if stored is None:
        raise Unavailable("This can't be answered now. Please send the same request again.")
    return response_of(stored)


async def _execute(
    tx: Tx, services: Services, submission: NewSubmission, action: Callable[[Tx], Awaitable[ApiResponse]]
) -> tuple[Admitted | StoredResponse, StoredResponse | None]:
    admitted = await submissions.admit(tx, services.vault, submission)
    if isinstance(admitted, StoredResponse):
        return admitted, None
    open_submission = await submissions.lock_open(tx, services.vault, admitted.id)
    if open_submission is None:
        return admitted, await submissions.stored_response(tx, services.vault, admitted.id)
    response = await action(tx)
    lead_id = response.lead_id
    stored = await submissions.store_response(
        tx, services.vault, open_submission, response, lead_id=lead_id, erasable=lead_id is not None
    )
    return admitted, stored


async def count(request: Request, services: Services, submission: NewSubmission) -> None:
    """Let a reading request pass if the limit does. It has no Idempotency-Key: a repeat shall see what is new."""
    unkeyed = replace(submission, idempotency_key=None)
    reading = await services.turns.admit(submission.partner_id, lambda tx: submissions.count(tx, unkeyed))
    exchange_of(request).reading = reading


def response_of(stored: StoredResponse) -> Response:
    """The stored bytes, as they were or would have been answered first."""
    return Response(stored.body, stored.status, media_type="application/json")
