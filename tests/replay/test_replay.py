"""Today's workflows go on with yesterday's histories; and nothing in them is left to chance (the sandbox watches)."""

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from worker import RUNNER
from workflows.discount import DiscountWorkflow
from workflows.intake import IntakeWorkflow
from workflows.lead import LeadWorkflow
from workflows.replay import ReplayWorkflow
from workflows.webhook import WebhookWorkflow

WORKFLOWS = [DiscountWorkflow, IntakeWorkflow, LeadWorkflow, ReplayWorkflow, WebhookWorkflow]
FILES = sorted(Path(__file__).parent.glob("*/*.json"))
SAVED = [WorkflowHistory.from_json(path.stem, path.read_text()) for path in FILES]
PASSED = SandboxRestrictions.default.with_passthrough_modules("activities", "hub", "workflows.steps", "sqlalchemy")


def test_each_workflow_has_a_saved_history() -> None:
    assert {path.stem.split("-")[0] for path in FILES} >= {workflow.__name__ for workflow in WORKFLOWS}


@pytest.mark.parametrize("runner", [RUNNER, SandboxedWorkflowRunner(restrictions=PASSED)], ids=["as run", "sandbox"])
@pytest.mark.parametrize("history", SAVED, ids=lambda history: history.workflow_id)
async def test_a_saved_history_replays(history: WorkflowHistory, runner: SandboxedWorkflowRunner) -> None:
    await Replayer(workflows=WORKFLOWS, workflow_runner=runner).replay_workflow(history)
