"""One event on its way to one endpoint: an attempt, a wait, the next, until it is delivered or given up."""

from contextlib import suppress
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.webhooks import Attempt, WebhookActivities
    from hub.temporal import vocabulary
    from workflows.steps import DELIVERY, queue


@workflow.defn
class WebhookWorkflow:
    def __init__(self) -> None:
        self._wanted_now = False

    @workflow.run
    async def run(self, delivery_id: int) -> str:
        """Returns how the last attempt ended."""
        attempt = await self.attempt(delivery_id, queue(vocabulary.WEBHOOKS))
        while attempt.next_in_seconds is not None:
            await self.pause(attempt)
            attempt = await self.attempt(delivery_id, queue(vocabulary.WEBHOOK_RETRIES))
        return attempt.said

    @workflow.signal
    def retry_now(self) -> None:
        """An operator or partner does not want to wait."""
        self._wanted_now = True

    async def attempt(self, delivery_id: int, task_queue: str) -> Attempt:
        """First attempts have a queue of their own, so that they never stand behind retries."""
        return await workflow.execute_activity_method(
            WebhookActivities.deliver, delivery_id, task_queue=task_queue, **DELIVERY
        )

    async def pause(self, attempt: Attempt) -> None:
        said = f"attempt {attempt.number} ended with {attempt.said}"
        workflow.set_current_details(said)
        wait = timedelta(seconds=attempt.next_in_seconds or 0)
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._wanted_now, timeout=wait, timeout_summary=said)
        self._wanted_now = False
