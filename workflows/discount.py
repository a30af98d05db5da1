"""One discount request: its coupon, then its mail, then sent; or failed, with the reason; or erased, at any time."""

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.discounts import DiscountActivities
    from hub.discounts import ERASED_FAILURE, OPERATORS_REASON
    from hub.temporal import vocabulary
    from hub.temporal.vocabulary import DiscountRef
    from workflows.steps import MAIL, SHOP, database_step


ENDS_WHEN_ERASED = "ends-when-erased"  # the patch since which erasing is an end of its own, and comes at once


@workflow.defn
class DiscountWorkflow:
    def __init__(self) -> None:
        self._step: workflow.ActivityHandle[str] | None = None
        self._erased = False

    @workflow.run
    async def run(self, ref: DiscountRef) -> str:
        """Returns `sent: ...`, `failed: ...`, `erased: ...`, or that the request was never stored."""
        if not await database_step(DiscountActivities.begin, ref):
            return "never stored: its sender got the error that it could not be scheduled"
        try:
            return await self.fulfil(ref.discount_id)
        except ActivityError as error:
            if (self._erased or _is_of_erased(error)) and workflow.patched(ENDS_WHEN_ERASED):
                return self.show_details("erased", "nothing is done for it any more")
            reason, partner_reason = _reasons(error)
            await database_step(DiscountActivities.fail, ref.discount_id, reason, partner_reason)
            return self.show_details("failed", reason)

    @workflow.signal(name=vocabulary.ERASED)
    async def end_erased(self) -> None:
        """The request's row is erased: whatever is under way, or waits for its next try, ends now."""
        if workflow.patched(ENDS_WHEN_ERASED):
            self._erased = True
            if self._step is not None:
                self._step.cancel()

    async def fulfil(self, discount_id: int) -> str:
        self.show_details("coupon", "the coupon is being made; the mail follows")
        self._step = workflow.start_activity_method(
            DiscountActivities.make_coupon, discount_id, summary="make the coupon", **SHOP
        )
        made = await self._step
        self.show_details("mail", f"coupon: {made}; the mail is being handed to the mail server")
        self._step = workflow.start_activity_method(
            DiscountActivities.send_mail, discount_id, summary="hand over the mail", **MAIL
        )
        status = await self._step
        return self.show_details("sent", f"coupon: {made}; the mail server answered {status}")

    def show_details(self, stage: str, reason: str) -> str:
        """Set what Temporal's UI shows; returns the same as one line."""
        workflow.set_current_details(f"**{stage}** {reason}")
        if workflow.info().typed_search_attributes.get(vocabulary.STAGE) != stage:
            workflow.upsert_search_attributes([vocabulary.STAGE.value_set(stage)])
        return f"{stage}: {reason}"


def _is_of_erased(error: ActivityError) -> bool:
    return isinstance(error.cause, ApplicationError) and error.cause.type == ERASED_FAILURE


def _reasons(error: ActivityError) -> tuple[str, str]:
    """Why it failed: all of it, and what its partner gets of it."""
    if not isinstance(error.cause, ApplicationError):
        return "a step took too long", "a step took too long"
    partner_reason = error.cause.details[0] if error.cause.details else OPERATORS_REASON
    return error.cause.message, str(partner_reason)
