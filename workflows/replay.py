"""The replay of a range of events to one endpoint: a step a second, until all were handed to delivery."""

from contextlib import suppress
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.replays import ReplayActivities, ReplayStanding
    from workflows.steps import database_step


@workflow.defn
class ReplayWorkflow:
    def __init__(self) -> None:
        self._look_again = False

    @workflow.run
    async def run(self, replay_id: int) -> str:
        """Returns its end and its counts, such as `done: 40 of 40 handed to delivery`."""
        while not (standing := await self.step(replay_id)).ended:
            await self.pause(standing)
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(replay_id)
        return standing.summary

    @workflow.signal
    def look_again(self) -> None:
        """The replay was paused, resumed or cancelled."""
        self._look_again = True

    async def step(self, replay_id: int) -> ReplayStanding:
        standing: ReplayStanding = await database_step(ReplayActivities.replay_step, replay_id)
        workflow.set_current_details(standing.summary)
        return standing

    async def pause(self, standing: ReplayStanding) -> None:
        """Until the next step is due; a paused replay has none until it is resumed."""
        wait = None if standing.next_in_seconds is None else timedelta(seconds=standing.next_in_seconds)
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._look_again, timeout=wait)
        self._look_again = False
