"""The one door to Temporal: a request becomes a submission and its intake workflow, and waits for the stored answer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus

import structlog
from fastapi import Request, Response
from temporalio.client import RPCError, WithStartWorkflowOperation, WorkflowUpdateFailedError
from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError as UpdateTimeout
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)

from api.services import Services
from hub.errors import Invalid, Unavailable
from hub.leads import ApiResponse
from hub.store import submissions
from hub.store.db.engine import Tx
from hub.store.submissions import Admitted, StoredResponse
from hub.store.tenants import KeyHolder
from hub.temporal import vocabulary

log = structlog.get_logger()
START_TIMEOUT = timedelta(seconds=5)


def describe(
    request: Request, services: Services, holder: KeyHolder, body: bytes, weight: int, campaign_id: int | None = None
) -> submissions.NewSubmission:
    """The call as admission needs it. Raises Invalid for an Idempotency-Key that is none."""
    assert holder.partner_id is not None and holder.api is not None  # noqa: S101, PT018 - a partner's key, by its scope
    key = request.headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):  # noqa: PLR2004
        raise Invalid("Idempotency-Key: must be 1 to 255 printable ASCII characters.")
    return submissions.NewSubmission(
        partner_id=holder.partner_id,
        key_id=holder.key_id,
        api=holder.api,
        route=f"{request.method} {request.url.path.rstrip('/')}",
        request_id=request.state.request_id,
        body=body,
        weight=weight,
        limit=holder.rate_limit,
        hold=services.settings.answer_timeout * 1.5,
        idempotency_key=key,
        campaign_id=campaign_id,
    )


async def submit(services: Services, call: submissions.NewSubmission) -> Response:
    """Admit the call, run its intake, and give the answer that the intake stored.

    Raises what `submissions.admit` raises, and Unavailable when the answer does not come in time; then the intake goes
    on by itself, and the client's repeat joins it.
    """
    async with services.database.begin() as tx:
        admitted = await submissions.admit(tx, services.vault, call)
    if isinstance(admitted, StoredResponse):
        return _response(admitted)
    try:
        async with asyncio.timeout(services.settings.answer_timeout.total_seconds()):
            await _run_intake(services, call, admitted)
            async with services.database.begin() as tx:
                answer = await submissions.stored_response(tx, services.vault, admitted.id)
                if answer is not None and answer.status >= HTTPStatus.BAD_REQUEST:
                    await submissions.purge(tx, admitted.id)
    except (TimeoutError, RPCError, UpdateTimeout, WorkflowUpdateFailedError) as error:
        log.warning("late", submission=admitted.id, failure=type(error).__name__)
        answer = None
    if answer is None:
        async with services.database.begin() as tx:
            await submissions.mark_late(tx, admitted.id)
        raise Unavailable("This can't be answered in time. Please send the same request again.")
    return _response(answer)


async def _run_intake(services: Services, call: submissions.NewSubmission, admitted: Admitted) -> None:
    workflow_id = services.ids.intake(admitted.id)
    start = WithStartWorkflowOperation[object, object](
        "IntakeWorkflow",
        admitted.id,
        id=workflow_id,
        task_queue=services.ids.queue(vocabulary.INTAKE),
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        search_attributes=TypedSearchAttributes(
            [
                SearchAttributePair(vocabulary.PARTNER, str(call.partner_id)),
                SearchAttributePair(vocabulary.API, call.api),
            ]
        ),
        static_summary=f"Submission {admitted.id} by {call.api}, request {call.request_id}",
    )
    await services.temporal.execute_update_with_start_workflow(
        "answered", start_workflow_operation=start, id=f"answer-{admitted.id}"
    )


async def act(
    services: Services, call: submissions.NewSubmission, action: Callable[[Tx], Awaitable[ApiResponse]]
) -> Response:
    """Admit the call and carry it out in the same transaction: for changes that start no workflow.

    An action that refuses raises, and nothing of the call is kept.
    """
    async with services.database.begin() as tx:
        admitted = await submissions.admit(tx, services.vault, call)
        if isinstance(admitted, StoredResponse):
            return _response(admitted)
        submission = await submissions.lock_open(tx, services.vault, admitted.id)
        if submission is None:
            answer = await submissions.stored_response(tx, services.vault, admitted.id)
        else:
            said = await action(tx)
            erasable = said.lead_id is not None
            answer = await submissions.store_response(tx, services.vault, submission, said, erasable=erasable)
    if answer is None:
        raise Unavailable("This can't be answered now. Please send the same request again.")
    return _response(answer)


async def count(services: Services, call: submissions.NewSubmission) -> None:
    """Let a reading call pass if the limit does. It has no Idempotency-Key: a repeat shall see what is new."""
    async with services.database.begin() as tx:
        await submissions.count(tx, replace(call, idempotency_key=None))


async def start_discount(services: Services, discount_id: int, partner_id: int) -> None:
    """Start the request's workflow, within the transaction that stores the request. Raises RPCError."""
    attributes = [
        SearchAttributePair(vocabulary.PARTNER, str(partner_id)),
        SearchAttributePair(vocabulary.API, "leanpub"),
        SearchAttributePair(vocabulary.STAGE, "coupon"),
    ]
    await services.temporal.start_workflow(
        "DiscountWorkflow",
        {"discount_id": discount_id, "partner_id": partner_id},
        id=services.ids.discount(discount_id),
        task_queue=services.ids.queue(vocabulary.DISCOUNTS),
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        search_attributes=TypedSearchAttributes(attributes),
        static_summary=f"Discount request {discount_id}",
        rpc_timeout=START_TIMEOUT,
    )


def _response(answer: StoredResponse) -> Response:
    return Response(answer.body, answer.status, media_type="application/json")
