"""One lead: wait until a call is due and allowed, give it to the dialer, hear its outcome, again until it is done."""

from contextlib import suppress

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.leads import LeadActivities, LeadRef, LeadStep
    from hub.temporal import vocabulary
    from workflows.steps import DATABASE


@workflow.defn
class LeadWorkflow:
    def __init__(self) -> None:
        self._changed = False

    @workflow.run
    async def run(self, lead: LeadRef) -> str:
        """Returns the final state and why, such as `done: interested`."""
        step = LeadStep("waiting", lead.due_at, "for the delay that its sender asked for")
        while not step.closed:
            await self.pause(step)
            step = await self.advance(lead)
            if workflow.info().is_continue_as_new_suggested() and not step.closed:
                workflow.continue_as_new(LeadRef(lead.lead_id, step.until))
        self.tell(step)
        return step.summary

    @workflow.signal
    def changed(self) -> None:
        """The lead's row has changed: look again now."""
        self._changed = True

    async def pause(self, step: LeadStep) -> None:
        """Until the step's time has come, or somebody changed the lead."""
        left = step.until - workflow.now()
        if left.total_seconds() > 0 and not self._changed:
            self.tell(step)
            with suppress(TimeoutError):
                await workflow.wait_condition(lambda: self._changed, timeout=left, timeout_summary=step.summary)
        self._changed = False

    async def advance(self, lead: LeadRef) -> LeadStep:
        """Place the call if it may be placed now; learn how the lead stands."""
        return await workflow.execute_local_activity_method(LeadActivities.advance, lead.lead_id, **DATABASE)

    def tell(self, step: LeadStep) -> None:
        """What Temporal's UI shows."""
        workflow.set_current_details(f"**{step.stage}** {step.why}")
        if workflow.info().typed_search_attributes.get(vocabulary.STAGE) != step.stage:
            workflow.upsert_search_attributes([vocabulary.STAGE.value_set(step.stage)])
