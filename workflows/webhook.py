"""A delivery whose first attempt failed: further ones with waits between them, until it is delivered or given up."""

from contextlib import suppress
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.webhooks import AttemptSummary, WebhookActivities
    from hub.temporal import vocabulary
    from workflows.steps import DELIVERY, queue


@workflow.defn
class WebhookWorkflow:
    def __init__(self) -> None:
        self._retry_now = False

    @workflow.run
    async def run(self, delivery_id: int) -> str:
        """Returns the last attempt's verdict and status, such as `delivered: 200`, or to whom the delivery was left."""
        attempt = await self.attempt(delivery_id)
        while attempt.next_in_seconds is not None:
            await self.pause(attempt)
            attempt = await self.attempt(delivery_id)
        return attempt.summary

    @workflow.signal(name=vocabulary.RETRY_NOW)
    def retry_now(self) -> None:
        """Look at the delivery now: its next attempt may be due earlier than it was."""
        self._retry_now = True

    async def attempt(self, delivery_id: int) -> AttemptSummary:
        """The next attempt, on a queue apart from that of the workflows."""
        return await workflow.execute_activity_method(
            WebhookActivities.deliver, delivery_id, task_queue=queue(vocabulary.WEBHOOK_RETRIES), **DELIVERY
        )

    async def pause(self, attempt: AttemptSummary) -> None:
        """Until the next attempt is due, or asked for."""
        details = f"attempt {attempt.number} ended with {attempt.summary}"
        workflow.set_current_details(details)
        wait = timedelta(seconds=attempt.next_in_seconds or 0)
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._retry_now, timeout=wait, timeout_summary=details)
        self._retry_now = False
