"""Every start and every wake-up of a workflow: its id, queue, policies, search attributes and summary.

For the API, activities and the outbox relay. They raise what the client raises: RPCError, and where it is documented,
WorkflowAlreadyStartedError.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError

from hub.temporal import vocabulary
from hub.temporal.ids import WorkflowIds
from hub.temporal.vocabulary import DiscountRef, LeadRef

START_TIMEOUT: Final = timedelta(seconds=5)
PACED_START_TIMEOUT: Final = timedelta(seconds=10)
WAKE_TIMEOUT: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class IntakeStart:
    """A stored submission. `lead_id`: the id its lead will have, if it has one row; None for batches."""

    submission_id: int
    partner_id: int
    api: str
    request_id: str
    lead_id: int | None = None


@dataclass(frozen=True, slots=True)
class LeadStart:
    """A stored lead whose workflow is to be started. It looks at the lead at `first_look`, or when it is woken."""

    lead_id: int
    partner_id: int
    api: str
    campaign: str | None
    dial_at: datetime
    stage: str
    why: str
    first_look: datetime


class WorkflowStarter:
    """The workflows of one deployment."""

    def __init__(self, client: Client, ids: WorkflowIds) -> None:
        self._client, self._ids = client, ids

    async def run_intake(self, start: IntakeStart) -> None:
        """Start the submission's workflow, or join the running one; returns when its response is stored.

        A request with one row is worked on by its lead's own workflow, on the intake queue: its client is waiting.
        """
        pairs = [*_owner(start.partner_id, start.api)]
        argument: int | LeadRef = start.submission_id
        if start.lead_id is None:
            name, workflow_id = "IntakeWorkflow", self._ids.intake(start.submission_id)
        else:
            name, workflow_id = "LeadWorkflow", self._ids.lead(start.lead_id)
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
            search_attributes=TypedSearchAttributes(pairs),
            static_summary=f"Submission {start.submission_id} by {start.api}, request {start.request_id}",
        )
        await self._client.execute_update_with_start_workflow(
            vocabulary.WAIT_FOR_RESPONSE, start_workflow_operation=operation, id=f"answer-{start.submission_id}"
        )

    async def start_lead(self, start: LeadStart) -> None:
        """Start the lead's workflow, with its first task at `first_look`. Started already counts as started.

        That is by an earlier try: the workflow's id holds this database's own random part.
        """
        pairs = [
            *_owner(start.partner_id, start.api),
            SearchAttributePair(vocabulary.STAGE, start.stage),
            SearchAttributePair(vocabulary.LEAD_ID, start.lead_id),
            SearchAttributePair(vocabulary.DIAL_AT, start.dial_at),
        ]
        if start.campaign:
            pairs.append(SearchAttributePair(vocabulary.CAMPAIGN, start.campaign))
        delay = start.first_look - datetime.now(UTC)
        with suppress(WorkflowAlreadyStartedError):
            await self._client.start_workflow(
                "LeadWorkflow",
                LeadRef(start.lead_id, start.first_look),
                id=self._ids.lead(start.lead_id),
                task_queue=self._ids.queue(vocabulary.LEADS),
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                search_attributes=TypedSearchAttributes(pairs),
                static_summary=f"Lead {start.lead_id} by {start.api}",
                static_details=f"**{start.stage}** {start.why}",
                start_delay=delay if delay > timedelta(0) else None,
                request_eager_start=delay <= timedelta(0),
                rpc_timeout=PACED_START_TIMEOUT,
            )

    async def start_discount(self, ref: DiscountRef) -> None:
        """Start the discount request's workflow. Raises WorkflowAlreadyStartedError."""
        stage = SearchAttributePair(vocabulary.STAGE, "coupon")
        await self._client.start_workflow(
            "DiscountWorkflow",
            ref,
            id=self._ids.discount(ref.discount_id),
            task_queue=self._ids.queue(vocabulary.DISCOUNTS),
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            search_attributes=TypedSearchAttributes([*_owner(ref.partner_id, "leanpub"), stage]),
            static_summary=f"Discount request {ref.discount_id}",
            rpc_timeout=START_TIMEOUT,
        )

    async def start_webhook(self, delivery_id: int) -> None:
        """Start the delivery's workflow. Started already counts as started."""
        with suppress(WorkflowAlreadyStartedError):
            await self._client.start_workflow(
                "WebhookWorkflow",
                delivery_id,
                id=self._ids.webhook(delivery_id),
                task_queue=self._ids.queue(vocabulary.WEBHOOKS),
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                static_summary=f"Webhook delivery {delivery_id}",
                request_eager_start=True,
                rpc_timeout=START_TIMEOUT,
            )

    async def look_again(self, lead_id: int) -> None:
        """Make the lead's workflow look at its row now; returns once it has the update.

        By an update: a signal would not wake a workflow whose start is delayed.
        """
        await self._update(lead_id, vocabulary.LOOK_AGAIN)

    async def close_lead(self, lead_id: int, stage: str, why: str) -> None:
        """End the workflow of a lead whose row is in the final state `stage`; returns when it has ended."""
        await self._update(lead_id, vocabulary.CLOSE, stage, why)

    async def _update(self, lead_id: int, update: str, *args: str) -> None:
        handle = self._client.get_workflow_handle(self._ids.lead(lead_id))
        await handle.execute_update(update, args=args, rpc_timeout=WAKE_TIMEOUT)


def _owner(partner_id: int, api: str) -> Iterator[SearchAttributePair[Any]]:
    yield SearchAttributePair(vocabulary.PARTNER, str(partner_id))
    yield SearchAttributePair(vocabulary.API, api)
