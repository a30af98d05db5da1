"""What a lead costs Temporal, and that its workflow hears of every change, whatever it waits for."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from tests.support.dialing import Dialer, eventually
from tests.support.stack import Hub

PATH = "/api/leads/partner-transfer"


@pytest.fixture
async def temporal(hub: Hub) -> Client:
    return await Client.connect(hub.temporal)


def submit(hub: Hub, partner: dict[str, Any], count: int) -> list[int]:
    rows = [{"name": "Ann Lee", "phone": hub.number()} for _ in range(count)]
    assert hub.post(PATH, partner["key"], {"leads": rows}).json()["created"] == count
    return [lead for (lead,) in hub.query("SELECT id FROM lead WHERE partner_id = $1 ORDER BY id", partner["id"])]


def add(hub: Hub, partner: dict[str, Any], number: str, **more: Any) -> dict[str, Any]:
    person = {"first_name": "Ann", "surname": "Lee", "email": "ann@example.com", "type": partner["type"]}
    body = {**person, "mobile": number, **more}
    answer = requests.post(f"{hub.url}/lead/add?key={partner['key']}", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def events_of(hub: Hub, temporal: Client, lead: int) -> Counter[str]:
    """The lead's history, by type, once its workflow has ended."""
    handle = temporal.get_workflow_handle(hub.lead_workflow(lead))
    await handle.result()
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED
    history = await handle.fetch_history()
    return Counter(EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in history.events)


async def test_a_lead_that_may_be_called_at_once_needs_one_workflow_task(hub: Hub, temporal: Client) -> None:
    partner = hub.partner()
    dialer = Dialer(hub, partner)
    leads = submit(hub, partner, 3)
    for call in dialer.lease(most=3):
        assert dialer.report(call, "interested").json() == {"status": "ok", "lead_state": "done"}
    for lead in leads:
        events = await events_of(hub, temporal, lead)
        assert events["WORKFLOW_TASK_COMPLETED"] == 1
        assert events["MARKER_RECORDED"] == events["TIMER_STARTED"] == 0


async def test_a_lead_that_is_called_back_needs_a_task_for_each_outcome_and_each_due_time(
    hub: Hub, temporal: Client
) -> None:
    partner = hub.partner()
    dialer = Dialer(hub, partner)
    [lead, _] = submit(hub, partner, 2)
    [call, _] = sorted(dialer.lease(most=2), key=lambda call: int(call["lead_id"]))
    at = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    assert dialer.report(call, "callback", callback_at=at).json()["lead_state"] == "scheduled"
    [again] = dialer.lease(wait=20)
    dialer.report(again, "not_interested")
    assert (await events_of(hub, temporal, lead))["WORKFLOW_TASK_COMPLETED"] == 3


@pytest.mark.parametrize(("delay", "tasks"), [(0, 2), (1, 3)])
async def test_a_request_with_one_row_is_its_leads_workflow(hub: Hub, temporal: Client, delay: int, tasks: int) -> None:
    partner = hub.partner("comunik8")
    dialer = Dialer(hub, partner)
    assert add(hub, partner, hub.number(), delays=delay) == {"saved": True, "processed": True}
    [call] = dialer.lease(wait=20)
    dialer.report(call, "interested")
    assert (await events_of(hub, temporal, call["lead_id"]))["WORKFLOW_TASK_COMPLETED"] == tasks
    [(submission, started)] = hub.query("SELECT submission_id, started FROM lead WHERE partner_id = $1", partner["id"])
    assert started
    [(workflow_id,)] = hub.query(
        "SELECT concat_ws('-', 'intake', submission.id, workflow_token, deployment.id) FROM submission, deployment"
        " WHERE submission.id = $1",
        submission,
    )
    with pytest.raises(RPCError, match="not found"):
        await temporal.get_workflow_handle(workflow_id).describe()


async def test_a_row_that_becomes_no_lead_to_call_ends_its_workflow(hub: Hub, temporal: Client) -> None:
    partner, number = hub.partner("comunik8"), hub.number()
    add(hub, partner, number, delays=600)
    assert add(hub, partner, number)["error"] == "Another call is already scheduled"
    [_, (lead, state)] = hub.query("SELECT id, state FROM lead WHERE partner_id = $1 ORDER BY id", partner["id"])
    assert state == "refused"
    result = await temporal.get_workflow_handle(hub.lead_workflow(lead)).result()
    assert result == "refused: 0 created, 0 known already, 1 turned down"


def test_a_lead_that_cannot_be_judged_says_so_and_holds_up_no_other(hub: Hub) -> None:
    partner = hub.partner("comunik8")
    dialer = Dialer(hub, partner)
    for _ in range(2):
        add(hub, partner, hub.number(), delays=2)
    [poisoned, healthy] = [lead for (lead,) in hub.query("SELECT id FROM lead WHERE partner_id = $1", partner["id"])]
    hub.query("UPDATE lead SET grade = 'splendid' WHERE id = $1", poisoned)
    [call] = dialer.lease(wait=20)
    assert call["lead_id"] == healthy
    stands = "SELECT state, why FROM lead WHERE id = $1"
    eventually(lambda: hub.query(stands, poisoned) == [("scheduled", "cannot be judged: ValueError")])


def test_a_batch_under_a_policy_that_cannot_be_read_holds_up_no_other(hub: Hub) -> None:
    poisoned, healthy = hub.partner(), hub.partner()
    hub.query("""UPDATE campaign SET policy = '{"max_attempts": "many"}' WHERE partner_id = $1""", poisoned["id"])
    dialer = Dialer(hub, healthy)
    submit(hub, poisoned, 3)
    submit(hub, healthy, 2)
    assert len(dialer.lease(most=2, wait=20)) == 2
    stands = "SELECT DISTINCT state, why FROM lead WHERE partner_id = $1"
    eventually(lambda: hub.query(stands, poisoned["id"]) == [("scheduled", "cannot be judged: ValidationError")])


async def test_a_lead_that_was_changed_while_its_workflow_started_is_looked_at_at_once(
    hub: Hub, temporal: Client
) -> None:
    """The number is on the do-not-call list, which is not known when the workflow is started."""
    partner = hub.partner()
    numbers = [hub.number() for _ in range(2)]
    hashes = [hub.settings.vault().index("phone", number) for number in numbers]
    hub.query("INSERT INTO suppression (phone_hash, reason) SELECT unnest($1::bytea[]), 'test'", hashes)
    hub.post(PATH, partner["key"], {"leads": [{"name": "Ann Lee", "phone": number} for number in numbers]})
    stands = "SELECT DISTINCT state, why FROM lead WHERE partner_id = $1"
    eventually(lambda: hub.query(stands, partner["id"]) == [("refused", "the number is on the do-not-call list")])
    for (lead,) in hub.query("SELECT id FROM lead WHERE partner_id = $1", partner["id"]):
        assert (await events_of(hub, temporal, lead))["WORKFLOW_TASK_COMPLETED"] == 1


async def test_a_workflow_of_the_version_before_goes_on(hub: Hub, temporal: Client) -> None:
    """It was started without a delay, waits by a timer, and is woken by a signal or by an update."""
    partner = hub.partner("comunik8")
    dialer = Dialer(hub, partner)
    add(hub, partner, hub.number(), delays=600)
    [(lead,)] = hub.query("SELECT id FROM lead WHERE partner_id = $1", partner["id"])
    [(deployment,)] = hub.query("SELECT id FROM deployment")
    await temporal.get_workflow_handle(hub.lead_workflow(lead)).terminate("the version before started another")
    hub.query("UPDATE lead SET workflow_token = NULL WHERE id = $1", lead)
    due = (datetime.now(UTC) + timedelta(seconds=600)).isoformat()
    before = await temporal.start_workflow(
        "LeadWorkflow",
        {"lead_id": lead, "due_at": due},
        id=f"lead-{lead}-{deployment}",
        task_queue=f"hub-leads-{deployment}",
    )
    hub.query("UPDATE lead SET dial_at = now() WHERE id = $1", lead)
    await before.signal("changed")
    [call] = dialer.lease(wait=20)
    dialer.report(call, "interested")
    assert await before.result() == "done: interested"
