"""Every start and every wake-up of a workflow: its id, queue, policies, search attributes and summary.

For the API, activities and background work. They raise what the client raises: RPCError.

A row has one workflow: the id is the row's own, and is used again only after a workflow that was terminated or failed.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowExecutionStatus
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from hub.temporal import vocabulary
from hub.temporal.ids import WorkflowIds
from hub.temporal.vocabulary import DiscountRef, LeadRef

START_TIMEOUT: Final = timedelta(seconds=5)
PACED_START_TIMEOUT: Final = timedelta(seconds=10)
WAKE_TIMEOUT: Final = timedelta(seconds=5)
LONGEST_DELAY: Final = timedelta(days=366)  # Temporal refuses centuries; the lead is looked at then, and waits again
_ONCE: Final = WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
_NO_RUN = {
    WorkflowExecutionStatus.TERMINATED,
    WorkflowExecutionStatus.FAILED,
    WorkflowExecutionStatus.CANCELED,
    WorkflowExecutionStatus.TIMED_OUT,
}


@dataclass(frozen=True, slots=True)
class IntakeStart:
    """A stored submission. `lead_id`: the id its lead will have, if it has one row; None for batches.

    `token`: of the workflow's id, the submission's or its only lead's.
    """

    submission_id: int
    partner_id: int
    api: str
    request_id: str
    token: str | None
    lead_id: int | None = None


@dataclass(frozen=True, slots=True)
class LeadStart:
    """A stored lead whose workflow is to be started. It looks at the lead at `first_look`, or when it is woken."""

    lead_id: int
    token: str | None
    partner_id: int
    api: str
    campaign: str | None
    dial_at: datetime
    stage: str
    why: str
    first_look: datetime


@dataclass(frozen=True, slots=True)
class ExistingWorkflow:
    """The workflow that a row has already. `result`: how it ended well, None while it runs.

    `stage` and `dial_at` are the search attributes of a lead's.
    """

    result: str | None = None
    stage: str | None = None
    dial_at: datetime | None = None


class WorkflowStarter:
    """The workflows of one deployment."""

    def __init__(self, client: Client, ids: WorkflowIds) -> None:
        self._client, self._ids = client, ids

    async def run_intake(self, start: IntakeStart, *, anew: bool = False) -> None:
        """Start the submission's workflow, or join the running one; returns when its response is stored.

        A request with one row is worked on by its lead's own workflow, on the intake queue: its client is waiting.
        Where that has ended well, nothing is done. `anew`: the response is missing all the same, as the database was
        restored from a backup; register the rows by another workflow.
        """
        start = replace(start, lead_id=None) if anew else start
        pairs = [*_owner(start.partner_id, start.api)]
        argument: int | LeadRef = start.submission_id
        if start.lead_id is None:
            name, workflow_id = "IntakeWorkflow", self._ids.intake(start.submission_id, start.token)
        else:
            name, workflow_id = "LeadWorkflow", self._ids.lead(start.lead_id, start.token)
            argument = LeadRef(start.lead_id, datetime.now(UTC), start.submission_id)
            pairs += [
                SearchAttributePair(vocabulary.STAGE, "registering"),
                SearchAttributePair(vocabulary.LEAD_ID, start.lead_id),
            ]
        operation = WithStartWorkflowOperation[object, object](
            name,
            argument,
            id=workflow_id,
            task_queue=self._ids.queue(vocabulary.INTAKE),
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE if start.lead_id is None else _ONCE,
            search_attributes=TypedSearchAttributes(pairs),
            static_summary=f"Submission {start.submission_id} by {start.api}, request {start.request_id}",
        )
        with suppress(WorkflowAlreadyStartedError):
            await self._client.execute_update_with_start_workflow(
                vocabulary.WAIT_FOR_RESPONSE,
                start_workflow_operation=operation,
                id=f"answer-{start.submission_id}" if not anew else None,
            )

    async def start_lead(self, start: LeadStart) -> ExistingWorkflow | None:
        """Start the lead's workflow, with its first task at `first_look`; returns the one that it has already."""
        pairs = [
            *_owner(start.partner_id, start.api),
            SearchAttributePair(vocabulary.STAGE, start.stage),
            SearchAttributePair(vocabulary.LEAD_ID, start.lead_id),
            SearchAttributePair(vocabulary.DIAL_AT, start.dial_at),
        ]
        if start.campaign:
            pairs.append(SearchAttributePair(vocabulary.CAMPAIGN, start.campaign))
        delay = min(start.first_look - datetime.now(UTC), LONGEST_DELAY)
        workflow_id = self._ids.lead(start.lead_id, start.token)
        try:
            await self._client.start_workflow(
                "LeadWorkflow",
                LeadRef(start.lead_id, start.first_look),
                id=workflow_id,
                task_queue=self._ids.queue(vocabulary.LEADS),
                id_reuse_policy=_ONCE,
                search_attributes=TypedSearchAttributes(pairs),
                static_summary=f"Lead {start.lead_id} by {start.api}",
                static_details=f"**{start.stage}** {start.why}",
                start_delay=delay if delay > timedelta(0) else None,
                request_eager_start=delay <= timedelta(0),
                rpc_timeout=PACED_START_TIMEOUT,
            )
        except WorkflowAlreadyStartedError:
            return await self._find(workflow_id)
        return None

    async def start_discount(self, ref: DiscountRef, token: str | None) -> ExistingWorkflow | None:
        """Start the discount request's workflow; returns the one that it has already."""
        stage = SearchAttributePair(vocabulary.STAGE, "coupon")
        workflow_id = self._ids.discount(ref.discount_id, token)
        try:
            await self._client.start_workflow(
                "DiscountWorkflow",
                ref,
                id=workflow_id,
                task_queue=self._ids.queue(vocabulary.DISCOUNTS),
                id_reuse_policy=_ONCE,
                search_attributes=TypedSearchAttributes([*_owner(ref.partner_id, "leanpub"), stage]),
                static_summary=f"Discount request {ref.discount_id}",
                rpc_timeout=START_TIMEOUT,
            )
        except WorkflowAlreadyStartedError:
            return await self._find(workflow_id)
        return None

    async def end_erased_discount(self, discount_id: int, token: str | None) -> None:
        """End the workflow of a discount request that was erased."""
        handle = self._client.get_workflow_handle(self._ids.discount(discount_id, token))
        await handle.signal(vocabulary.ERASED, rpc_timeout=START_TIMEOUT)

    async def start_webhook(
        self, delivery_id: int, token: str | None, first_at: datetime | None = None
    ) -> ExistingWorkflow | None:
        """Start the delivery's workflow, with its first task at `first_at`; returns the one that it has already.

        That one looks at the delivery now, if it is running.
        """
        workflow_id = self._ids.webhook(delivery_id, token)
        delay = first_at - datetime.now(UTC) if first_at else timedelta(0)
        try:
            await self._client.start_workflow(
                "WebhookWorkflow",
                delivery_id,
                id=workflow_id,
                task_queue=self._ids.queue(vocabulary.WEBHOOKS),
                id_reuse_policy=_ONCE,
                static_summary=f"Webhook delivery {delivery_id}",
                start_delay=delay if delay > timedelta(0) else None,
                request_eager_start=delay <= timedelta(0),
                rpc_timeout=START_TIMEOUT,
            )
        except WorkflowAlreadyStartedError:
            existing = await self._find(workflow_id)
            if existing and existing.result is None:
                handle = self._client.get_workflow_handle(workflow_id)
                await handle.signal(vocabulary.RETRY_NOW, rpc_timeout=START_TIMEOUT)
            return existing
        return None

    async def wake_replay(self, replay_id: int, token: str | None) -> None:
        """Make the replay's workflow look at its row now; start it if none is running."""
        await self._client.start_workflow(
            "ReplayWorkflow",
            replay_id,
            id=self._ids.replay(replay_id, token),
            task_queue=self._ids.queue(vocabulary.WEBHOOKS),
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            start_signal=vocabulary.LOOK_AGAIN,
            static_summary=f"Webhook replay {replay_id}",
            rpc_timeout=START_TIMEOUT,
        )

    async def find_lead(self, lead_id: int, token: str | None) -> ExistingWorkflow | None:
        """The lead's workflow, running or ended well; None where it has to be started."""
        return await self._find(self._ids.lead(lead_id, token))

    async def look_again(self, lead_id: int, token: str | None) -> None:
        """Make the lead's workflow look at its row now; returns once it has the update.

        By an update: a signal would not wake a workflow whose start is delayed.
        """
        await self._update(lead_id, token, vocabulary.LOOK_AGAIN)

    async def close_lead(self, lead_id: int, token: str | None, stage: str, why: str) -> None:
        """End the workflow of a lead whose row is in the final state `stage`; returns when it has ended."""
        await self._update(lead_id, token, vocabulary.CLOSE, stage, why)

    async def _update(self, lead_id: int, token: str | None, update: str, *args: str) -> None:
        handle = self._client.get_workflow_handle(self._ids.lead(lead_id, token))
        await handle.execute_update(update, args=args, rpc_timeout=WAKE_TIMEOUT)

    async def _find(self, workflow_id: str) -> ExistingWorkflow | None:
        try:
            found = await self._client.get_workflow_handle(workflow_id).describe(rpc_timeout=START_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        if found.status in _NO_RUN:
            return None
        if found.status is WorkflowExecutionStatus.COMPLETED:
            handle = self._client.get_workflow_handle(workflow_id, run_id=found.run_id)
            return ExistingWorkflow(result=str(await handle.result(rpc_timeout=START_TIMEOUT)))
        attributes = found.typed_search_attributes
        return ExistingWorkflow(stage=attributes.get(vocabulary.STAGE), dial_at=attributes.get(vocabulary.DIAL_AT))


def _owner(partner_id: int, api: str) -> Iterator[SearchAttributePair[Any]]:
    yield SearchAttributePair(vocabulary.PARTNER, str(partner_id))
    yield SearchAttributePair(vocabulary.API, api)
