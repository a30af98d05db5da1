"""A replay of any length keeps its history short: it goes on in a new run, and looks at its row when it is told to."""

from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from activities.replays import ReplayStanding
from tests.support.servers import running_temporal
from worker import build_worker
from workflows.replay import ReplayWorkflow

STEPS, SUGGESTED = 20, 30


@dataclass
class Steps:
    """In the place of the database: a replay with so many steps."""

    taken: list[int] = field(default_factory=list)

    @activity.defn
    async def replay_step(self, replay_id: int) -> ReplayStanding:
        self.taken.append(replay_id)
        ended = len(self.taken) == STEPS
        return ReplayStanding(f"step {len(self.taken)}", ended, None if ended else 0.01)


async def test_a_long_replay_goes_on_in_new_runs(tmp_path: Path) -> None:
    steps = Steps()
    with running_temporal(tmp_path, limit__historyCount__suggestContinueAsNew=SUGGESTED) as server:
        client = await Client.connect(server.address)
        async with build_worker(client, "replays", workflows=[ReplayWorkflow], activities=[steps.replay_step]):
            handle = await client.start_workflow(ReplayWorkflow.run, 7, id=uuid4().hex, task_queue="replays")
            assert await handle.result() == f"step {STEPS}"
        first = client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)
        events = (await first.fetch_history()).events
    assert steps.taken == [7] * STEPS
    assert events[-1].event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW
    assert len(events) < 2 * SUGGESTED
