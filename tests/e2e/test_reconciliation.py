"""Database and Temporal find each other again, whatever one of them has lost; nobody is called twice."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from pytest_httpserver import HTTPServer
from temporalio.client import Client
from temporalio.service import RPCError
from werkzeug import Request, Response

from infra.ports import HOST
from tests.support.dialing import Dialer, Recorder, eventually
from tests.support.machine import Machine, machine
from tests.support.servers import Databases
from tests.support.stack import Hub

PATH = "/api/leads/partner-transfer"
IDS = "SELECT id FROM lead WHERE partner_id = $1 ORDER BY id"


@pytest.fixture
def whole(database: str, tmp_path: Path) -> Iterator[Machine]:
    with machine(database, tmp_path) as found:
        yield found


def submit(hub: Hub, partner: dict[str, Any], count: int) -> list[int]:
    before = {lead for (lead,) in hub.query(IDS, partner["id"])}
    rows = [{"name": "Ann Lee", "phone": hub.number()} for _ in range(count)]
    assert hub.post(PATH, partner["key"], {"leads": rows}).json()["created"] == count
    return [lead for (lead,) in hub.query(IDS, partner["id"]) if lead not in before]


def partner_without_calls(hub: Hub, **facts: Any) -> dict[str, Any]:
    """A partner whose leads wait, as its budget of calls is none; `allow_calls` ends that."""
    partner = hub.partner(**facts)
    hub.query("UPDATE partner SET daily_calls = 0 WHERE id = $1", partner["id"])
    return partner


def allow_calls(hub: Hub) -> None:
    hub.query("UPDATE partner SET daily_calls = NULL")


def make_late(hub: Hub, table: str, column: str, key: str, value: int) -> None:
    """So late that the next sweep finds these rows."""
    hub.query(f"UPDATE {table} SET {column} = now() - interval '1 minute' WHERE {key} = $1", value)  # noqa: S608 - our own


def started(hub: Hub, partner: dict[str, Any]) -> bool:
    """Whether all starts of the partner's leads are done, and all that followed has reached Temporal."""
    waiting = "SELECT (SELECT count(*) FROM outbox), (SELECT count(*) FROM lead WHERE partner_id = $1 AND NOT started)"
    return hub.query(waiting, partner["id"]) == [(0, 0)]


def terminate(hub: Hub, *workflow_ids: str) -> None:
    """End them, each as soon as it is there: some are started a moment after their row."""

    async def run(workflow_id: str) -> bool:
        client = await Client.connect(hub.temporal)
        with suppress(RPCError):  # not found
            await client.get_workflow_handle(workflow_id).terminate("by the test")
            return True
        return False

    for workflow_id in workflow_ids:
        eventually(lambda each=workflow_id: asyncio.run(run(each)))


def workflow_status(hub: Hub, workflow_id: str) -> str:
    async def ask() -> str:
        client = await Client.connect(hub.temporal)
        status = (await client.get_workflow_handle(workflow_id).describe()).status
        return status.name if status else ""

    return asyncio.run(ask())


def state_of(hub: Hub, lead: int) -> tuple[Any, ...]:
    [row] = hub.query("SELECT state, outcome FROM lead WHERE id = $1", lead)
    return row


def test_a_waiting_lead_whose_workflow_was_terminated_is_called_when_it_is_due(hub: Hub) -> None:
    partner = hub.partner("comunik8")
    dialer = Dialer(hub, partner)
    person = {"first_name": "Ann", "surname": "Lee", "email": "ann@example.com", "type": partner["type"]}
    body = {**person, "mobile": hub.number(), "delays": 3600}
    assert requests.post(f"{hub.url}/lead/add?key={partner['key']}", json=body, timeout=30).json()["saved"]
    [(lead,)] = hub.query(IDS, partner["id"])
    terminate(hub, hub.lead_workflow(lead))
    make_late(hub, "lead", "dial_at", "id", lead)
    make_late(hub, "lead", "look_at", "id", lead)
    [call] = dialer.lease(wait=30)
    dialer.report(call, "interested")
    assert state_of(hub, lead) == ("done", "interested")


def test_a_redial_goes_on_without_the_workflow_that_was_terminated_during_the_call(hub: Hub) -> None:
    partner = hub.partner()
    dialer = Dialer(hub, partner)
    [lead] = submit(hub, partner, 1)
    [call] = dialer.lease()
    terminate(hub, hub.lead_workflow(lead))
    at = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    assert dialer.report(call, "callback", callback_at=at).json()["lead_state"] == "scheduled"
    [again] = dialer.lease(wait=20)
    assert again["attempt"] == 2


def test_a_call_past_its_time_is_taken_back_without_its_workflow(hub: Hub) -> None:
    partner = hub.partner()
    dialer = Dialer(hub, partner)
    [lead] = submit(hub, partner, 1)
    eventually(lambda: state_of(hub, lead) == ("calling", None))
    terminate(hub, hub.lead_workflow(lead))
    hub.query("UPDATE call SET closes_at = now() - interval '1 minute' WHERE lead_id = $1", lead)
    calls = "SELECT state FROM call WHERE lead_id = $1 ORDER BY id"
    eventually(lambda: [state for (state,) in hub.query(calls, lead)] == ["withdrawn", "ready"])
    assert [call["lead_id"] for call in dialer.lease()] == [lead]


def test_leads_whose_batch_was_terminated_before_their_starts_are_started(hub: Hub) -> None:
    partner = partner_without_calls(hub)
    dialer = Dialer(hub, partner)
    leads = submit(hub, partner, 3)
    eventually(lambda: started(hub, partner))
    terminate(hub, *(hub.lead_workflow(lead) for lead in leads))
    allow_calls(hub)
    unstarted = "started = false, look_at = NULL, dial_at = now(), created_at = now() - interval '1 minute'"
    hub.query(f"UPDATE lead SET {unstarted} WHERE partner_id = $1", partner["id"])  # noqa: S608 - a constant
    called: set[int] = set()
    eventually(lambda: called.update(call["lead_id"] for call in dialer.lease(most=3, wait=1)) or called == {*leads})


def test_a_delivery_whose_workflow_was_terminated_arrives(hub: Hub) -> None:
    answers = iter([Response(status=500), *(Response(status=200) for _ in range(10))])
    seen: list[str] = []

    def answer(request: Request) -> Response:
        seen.append(request.headers["webhook-id"])
        return next(answers)

    with HTTPServer(host="127.0.0.1") as receiver:
        receiver.expect_request("/hook").respond_with_handler(answer)
        partner = hub.partner()
        endpoint = hub.endpoint(partner["id"], receiver.url_for("/hook"), "lead.created")
        submit(hub, partner, 1)
        tried = "SELECT concat_ws('-', 'webhook', delivery.id, workflow_token, deployment.id) FROM delivery, deployment"
        eventually(lambda: hub.query(f"{tried} WHERE endpoint_id = $1 AND attempts = 1", endpoint["id"]))
        [(workflow_id,)] = hub.query(f"{tried} WHERE endpoint_id = $1", endpoint["id"])
        terminate(hub, workflow_id)
        make_late(hub, "delivery", "next_at", "endpoint_id", endpoint["id"])
        stands = "SELECT state, attempts FROM delivery WHERE endpoint_id = $1"
        eventually(lambda: hub.query(stands, endpoint["id"]) == [("delivered", 2)], 90)
    assert len(set(seen)) == 1


def test_a_request_that_got_503_can_be_joined_when_its_workflow_is_lost(whole: Machine) -> None:
    hub = whole.hub
    partner = hub.partner("comunik8")
    person = {"first_name": "Ann", "surname": "Lee", "email": "ann@example.com", "type": partner["type"]}
    url, body = f"{hub.url}/lead/add?key={partner['key']}", {**person, "mobile": hub.number()}
    whole.kill("worker")
    assert requests.post(url, json=body, timeout=30).status_code == 503
    ids = "SELECT concat_ws('-', 'lead', lead_id, workflow_token, deployment.id) FROM submission, deployment"
    [(workflow_id,)] = hub.query(ids)
    terminate(hub, workflow_id)
    whole.start("worker")
    assert requests.post(url, json=body, timeout=30).json() == {"saved": True, "processed": True}
    with Recorder(hub.url, hub.dialer_key()) as dialer:
        eventually(lambda: hub.query("SELECT state FROM lead") == [("done",)])
    assert list(dialer.dialled.values()) == [1]


def test_a_repeat_is_answered_anew_when_only_temporal_knows_that_it_was_answered(hub: Hub) -> None:
    """As after a backup is restored that was made between a request's admission and its registration."""
    partner = hub.partner()
    dialer = Dialer(hub, partner)
    body, key = {"leads": [{"name": "Ann Lee", "phone": hub.number()}]}, {"Idempotency-Key": "once"}
    assert hub.post(PATH, partner["key"], body, **key).json()["created"] == 1
    [call] = dialer.lease(wait=20)
    assert dialer.report(call, "interested").ok
    eventually(lambda: workflow_status(hub, hub.lead_workflow(call["lead_id"])) == "COMPLETED")
    hub.query("DELETE FROM lease WHERE call_id = $1", call["id"])
    hub.query("DELETE FROM call WHERE id = $1", call["id"])
    hub.query("DELETE FROM contact WHERE lead_id = $1", call["lead_id"])
    hub.query("DELETE FROM lead WHERE id = $1", call["lead_id"])
    unanswered = "UPDATE submission SET status = NULL, answer = NULL, held_until = now() WHERE partner_id = $1"
    hub.query(unanswered, partner["id"])
    again = hub.post(PATH, partner["key"], body, **key)
    assert (again.status_code, again.json()["created"]) == (200, 1)
    make_late(hub, "lead", "dial_at", "id", call["lead_id"])
    eventually(lambda: state_of(hub, call["lead_id"]) == ("done", "interested"), 90)
    assert dialer.lease(wait=0) == []


def test_waiting_leads_go_on_when_all_of_temporal_was_deleted(whole: Machine) -> None:
    hub = whole.hub
    partner = partner_without_calls(hub, rate_limit=100_000)
    leads = [lead for _ in range(5) for lead in submit(hub, partner, 100)]
    eventually(lambda: started(hub, partner))
    whole.kill("temporal")
    for file in whole.hub.logs.glob("temporal.db*"):
        file.unlink()
    allow_calls(hub)
    whole.start("temporal")
    make_late(hub, "lead", "look_at", "partner_id", partner["id"])
    with Recorder(hub.url, hub.dialer_key()) as dialer:
        eventually(lambda: len(dialer.dialled) == len(leads))
        eventually(lambda: hub.query("SELECT count(*) FROM lead WHERE state <> 'done'") == [(0,)])
    assert dict(dialer.dialled) == dict.fromkeys(leads, 1)
    [port] = whole.services["worker"].ports
    metrics = requests.get(f"http://{HOST}:{port}/metrics", timeout=5).text
    # Their calls' outcomes may have started some before the sweep came to them.
    assert re.search(r'hub_reconciled_total{kind="lead",result="\w+"[^}]*} \d', metrics)
    assert 'hub_late_rows{kind="lead"' in metrics


@dataclass
class Restored:
    """Two partners: leads of the first are with their dialer when the backup is made, leads of the other wait."""

    whole: Machine
    databases: Databases

    def __post_init__(self) -> None:
        hub = self.whole.hub
        self.partner, self.waiting = hub.partner(), partner_without_calls(hub)
        self.dialers = [Dialer(hub, self.partner), Dialer(hub, self.waiting)]
        self.ready, self.later = submit(hub, self.partner, 10), submit(hub, self.waiting, 6)
        self.tomorrow = datetime.now(UTC) + timedelta(days=1)
        eventually(lambda: started(hub, self.partner) and started(hub, self.waiting))
        self.copy(hub.database_url, f"{hub.database_url}_backup")

    def copy(self, source: str, target: str) -> None:
        for name in ("api", "worker"):
            self.whole.kill(name)
        self.databases.copy(source, target)

    def start(self) -> None:
        for name in ("worker", "api"):
            self.whole.start(name)

    def go_on(self) -> dict[int, str]:
        """What the backup does not know: the ends of five and three leads, two callbacks, a batch. The ends by lead."""
        hub, [dialer, waiting_dialer] = self.whole.hub, self.dialers
        hub.query("UPDATE partner SET daily_calls = 3 WHERE id = $1", self.waiting["id"])
        calls = dialer.lease(most=7, wait=20)
        for call in calls[:5]:
            assert dialer.report(call, "interested").ok
        for call in calls[5:]:
            assert dialer.report(call, "callback", callback_at=self.tomorrow.isoformat()).ok
        done: list[dict[str, Any]] = []
        eventually(lambda: done.extend(waiting_dialer.lease(most=3, wait=5)) or len(done) == 3)
        for call in done:
            assert waiting_dialer.report(call, "not_interested").ok
        submit(hub, self.partner, 3)
        eventually(lambda: started(hub, self.partner))
        self.called_back = [call["lead_id"] for call in calls[5:]]
        return {call["lead_id"]: "interested" for call in calls[:5]} | {
            call["lead_id"]: "not_interested" for call in done
        }

    def restore(self) -> None:
        """The backup is there again, and those that wait in it are due."""
        hub = self.whole.hub
        self.copy(f"{hub.database_url}_backup", hub.database_url)
        allow_calls(hub)
        make_late(hub, "lead", "dial_at", "partner_id", self.waiting["id"])
        hub.query("UPDATE lead SET look_at = NULL WHERE partner_id = $1", self.waiting["id"])
        self.start()


def test_a_restored_backup_calls_nobody_again_whose_call_temporal_knows(whole: Machine, databases: Databases) -> None:
    hub, restored = whole.hub, Restored(whole, databases)
    restored.start()
    ends = restored.go_on()
    restored.restore()

    fresh = submit(hub, restored.partner, 3)
    not_called = {*restored.ready, *restored.later} - {*ends} - {*restored.called_back}
    dialled: list[int] = []

    def dial() -> bool:
        for dialer in restored.dialers:
            for call in dialer.lease(most=50, wait=1):
                dialled.append(call["lead_id"])
                assert dialer.report(call, "answered").ok
        assert {*dialled} <= {*not_called, *fresh}, "somebody is called again"
        return len(dialled) == len(not_called) + len(fresh)

    eventually(dial)
    assert len({*dialled}) == len(dialled)
    eventually(lambda: all(state_of(hub, lead) == ("done", outcome) for lead, outcome in ends.items()))
    for lead in restored.called_back:
        [(state, dial_at)] = hub.query("SELECT state, dial_at FROM lead WHERE id = $1", lead)
        assert (state, abs(dial_at - restored.tomorrow) < timedelta(seconds=1)) == ("scheduled", True)
