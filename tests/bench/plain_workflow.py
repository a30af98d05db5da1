"""The plain baseline's workflow, in a module of its own as in Temporal's samples: the sandbox imports it anew."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from tests.bench.plain_steps import Steps


@workflow.defn
class PlainLead:
    @workflow.run
    async def run(self, phone: str) -> None:
        limit = timedelta(seconds=30)
        await workflow.execute_activity_method(Steps.store, phone, start_to_close_timeout=limit)
        await workflow.sleep(timedelta(milliseconds=1))
        await workflow.execute_activity_method(Steps.dial, phone, start_to_close_timeout=limit)
