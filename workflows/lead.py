"""One lead: wait until a call is due and allowed, place it with the dialer, wait for its outcome, until it is done."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.intake import IntakeActivities
    from activities.leads import LeadActivities, LeadStep
    from hub.temporal import vocabulary
    from hub.temporal.vocabulary import LeadRef
    from workflows.steps import DATABASE, DATABASE_LATER, database_step

PAUSES = "pauses-between-looks"  # the patch since which a due time that stays past is waited for
DIAL_AT_IS_KEPT = "dial-at-is-kept"  # the patch since which the search attribute follows every wait
LONGEST_PAUSE_SECONDS = 60
LONGEST_WAIT = timedelta(days=366)  # Temporal refuses centuries
NOT_JUDGED_WAIT = timedelta(minutes=15)


@workflow.defn
class LeadWorkflow:
    """Its first task comes with its first look, or with the first update: a start delay lasts until then."""

    def __init__(self) -> None:
        self._look_now = False
        self._closed: LeadStep | None = None
        self._response_stored = False
        self._looked = False
        self._vain_looks = 0

    @workflow.run
    async def run(self, lead: LeadRef) -> str:
        """Returns the final state and why, such as `done: interested`."""
        step = await self.first_step(lead)
        while not step.closed:
            await self.pause(step)
            step = self._closed or await self.advance(lead)
            if workflow.info().is_continue_as_new_suggested() and not step.closed:
                await workflow.wait_condition(workflow.all_handlers_finished)
                if not self._look_now:
                    workflow.continue_as_new(LeadRef(lead.lead_id, step.until))
        self.show(step)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return step.summary

    @workflow.update(name=vocabulary.WAIT_FOR_RESPONSE)
    async def wait_for_response(self) -> None:
        """Of a lead that is the only row of its request: returns as soon as the response is stored."""
        await workflow.wait_condition(lambda: self._response_stored)

    @workflow.update(name=vocabulary.LOOK_AGAIN)
    async def look_again(self) -> None:
        """The lead's row has changed: look at it now."""
        self._look_now = True

    @workflow.update(name=vocabulary.CLOSE)
    async def close(self, stage: str, why: str) -> None:
        """The lead's row is in this final state, from which no way leads back."""
        self._closed = LeadStep(stage, workflow.now(), why)
        self._look_now = True

    @workflow.signal
    async def changed(self) -> None:
        """As `look_again`, in the histories of version 0.1."""
        self._look_now = True

    async def first_step(self, lead: LeadRef) -> LeadStep:
        """Register the lead if that is still to be done, else begin with the wait."""
        if lead.submission_id is None:
            return LeadStep("waiting", lead.due_at, "for the delay that its sender asked for")
        step: LeadStep = await database_step(IntakeActivities.register_one, lead.submission_id, lead.lead_id)
        self._response_stored = self._looked = True
        return step

    async def pause(self, step: LeadStep) -> None:
        """Until the step's time has come, or somebody changed the lead."""
        left = min(step.until - workflow.now(), LONGEST_WAIT)
        if left > timedelta():
            self._vain_looks = 0
        elif self._looked and not self._look_now and workflow.patched(PAUSES):
            # The database's clock is behind Temporal's: the time has not come there.
            left = timedelta(seconds=min(2**self._vain_looks, LONGEST_PAUSE_SECONDS))
            self._vain_looks += 1
        if left > timedelta() and not self._look_now:
            self.show(step)
            with suppress(TimeoutError):
                await workflow.wait_condition(lambda: self._look_now, timeout=left, timeout_summary=step.summary)
        self._look_now = False

    async def advance(self, lead: LeadRef) -> LeadStep:
        """Place the call if it may be placed now; learn how the lead stands."""
        self._looked = True
        try:
            return await workflow.execute_local_activity_method(LeadActivities.advance, lead.lead_id, **DATABASE)
        except FailureError as failure:  # a local activity's own failure, not an ActivityError
            if is_cancelled_exception(failure):
                raise
            return await self.advance_later(lead, failure)

    async def advance_later(self, lead: LeadRef, failure: FailureError) -> LeadStep:
        """The step that has failed is tried with growing waits, until it succeeds or somebody has changed the lead."""
        why = f"cannot be judged: {reason(failure)}"
        workflow.set_current_details(f"**waiting** {why}")
        step = workflow.start_activity_method(LeadActivities.advance, lead.lead_id, summary=why, **DATABASE_LATER)
        await workflow.wait_condition(lambda: step.done() or self._look_now)
        if not step.done():
            step.cancel()
            return LeadStep("waiting", workflow.now(), why)
        try:
            return await step
        except ActivityError as final:
            if is_cancelled_exception(final):
                raise
            return LeadStep("waiting", workflow.now() + NOT_JUDGED_WAIT, f"cannot be judged: {reason(final)}")

    def show(self, step: LeadStep) -> None:
        """What Temporal's UI shows."""
        workflow.set_current_details(f"**{step.stage}** {step.why}")
        if workflow.info().typed_search_attributes.get(vocabulary.STAGE) != step.stage:
            attributes: list[SearchAttributeUpdate[Any]] = [vocabulary.STAGE.value_set(step.stage)]
            if step.stage == "waiting" and not step.held:
                attributes.append(vocabulary.DIAL_AT.value_set(step.until))
            if step.campaign:
                attributes.append(vocabulary.CAMPAIGN.value_set(step.campaign))
            workflow.upsert_search_attributes(attributes)
        elif step.stage == "waiting" and not step.held and waits_otherwise(step) and workflow.patched(DIAL_AT_IS_KEPT):
            workflow.upsert_search_attributes([vocabulary.DIAL_AT.value_set(step.until)])


def waits_otherwise(step: LeadStep) -> bool:
    """Whether the search attribute names another time; a restored database relies on it (background/reconciliation)."""
    known = workflow.info().typed_search_attributes.get(vocabulary.DIAL_AT)
    return known is None or abs(known - step.until) >= timedelta(seconds=1)


def reason(failure: FailureError) -> str:
    """The kind of failure and where it arose, as activities report it."""
    cause = failure.cause if isinstance(failure, ActivityError) else failure
    return cause.message if isinstance(cause, ApplicationError) else type(cause).__name__
