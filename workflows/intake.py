"""One request with several rows: register its leads, let its client have the answer, start a workflow per lead."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.intake import IntakeActivities, LeadStarter
    from hub.leads import Registered
    from hub.temporal import vocabulary
    from workflows.steps import START, database_step, queue


@workflow.defn
class IntakeWorkflow:
    def __init__(self) -> None:
        self._registered: Registered | None = None

    @workflow.run
    async def run(self, submission_id: int) -> Registered:
        registered: Registered = await database_step(IntakeActivities.register, submission_id)
        self._registered = registered
        workflow.set_current_details(registered.summary)
        if registered.created:
            await workflow.execute_activity_method(
                LeadStarter.start_leads,
                submission_id,
                task_queue=queue(vocabulary.LEADS),
                summary=registered.summary,
                **START,
            )
        return registered

    @workflow.update(name=vocabulary.WAIT_FOR_RESPONSE)
    async def wait_for_response(self) -> None:
        """Returns as soon as the response is stored."""
        await workflow.wait_condition(lambda: self._registered is not None)
