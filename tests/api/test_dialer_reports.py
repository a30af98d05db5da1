"""Outcomes in arrays: each has its own result, and a wrong one holds up no other."""

from typing import Any

import pytest
import requests

from tests.support.dialing import Dialer, eventually
from tests.support.stack import Hub

PATH = "/api/leads/partner-transfer"


@pytest.fixture
def partner(hub: Hub) -> dict[str, Any]:
    return hub.partner()


@pytest.fixture
def dialer(hub: Hub, partner: dict[str, Any]) -> Dialer:
    return Dialer(hub, partner)


def leased(hub: Hub, partner: dict[str, Any], dialer: Dialer, count: int) -> list[dict[str, Any]]:
    rows = [{"name": "Ann Lee", "phone": hub.number()} for _ in range(count)]
    assert hub.post(PATH, partner["key"], {"leads": rows}).json()["created"] == count
    calls: list[dict[str, Any]] = []
    eventually(lambda: calls.extend(dialer.lease(most=count, wait=1)) or len(calls) == count)
    return calls


def of(call: dict[str, Any], outcome: str, **more: Any) -> dict[str, Any]:
    return {"id": call["id"], "token": call["token"], "outcome": outcome, **more}


def test_each_outcome_has_its_own_result_in_order(hub: Hub, partner: dict[str, Any], dialer: Dialer) -> None:
    first, second, third, fourth = leased(hub, partner, dialer, 4)
    answer = dialer.report_all(
        of(first, "interested"),
        of(second, "busy"),
        {**of(third, "interested"), "token": third["token"] + 1},
        of(fourth, "sold"),
        of({"id": 10**12, "token": 1}, "interested"),
        of(first, "interested"),
    )
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [(each["id"], each["status"], each.get("lead_state")) for each in results] == [
        (first["id"], 200, "done"),
        (second["id"], 200, "scheduled"),
        (third["id"], 409, None),
        (fourth["id"], 400, None),
        (10**12, 404, None),
        (first["id"], 200, "done"),
    ]
    assert "token" in results[2]["detail"]
    assert results[3]["detail"].startswith("outcome: ")
    states = dict(hub.query("SELECT id, state FROM lead WHERE partner_id = $1", partner["id"]))
    wanted = {first["lead_id"]: "done", second["lead_id"]: "scheduled"}
    assert states == {**wanted, third["lead_id"]: "calling", fourth["lead_id"]: "calling"}


def test_the_same_call_with_two_outcomes_keeps_the_first(hub: Hub, partner: dict[str, Any], dialer: Dialer) -> None:
    [call] = leased(hub, partner, dialer, 1)
    results = dialer.report_all(of(call, "interested"), of(call, "busy")).json()["results"]
    assert [each["status"] for each in results] == [200, 409]
    assert hub.query("SELECT state, outcome FROM lead WHERE id = $1", call["lead_id"]) == [("done", "interested")]


def test_do_not_call_counts_also_when_the_lease_was_lost(hub: Hub, partner: dict[str, Any], dialer: Dialer) -> None:
    [call] = leased(hub, partner, dialer, 1)
    lost = {**of(call, "do_not_call"), "token": call["token"] + 1}
    assert dialer.report_all(lost).json()["results"][0]["status"] == 200
    listed = "SELECT count(*) FROM suppression JOIN lead USING (phone_hash) WHERE lead.id = $1"
    assert hub.query(listed, call["lead_id"]) == [(1,)]


def test_responses_of_many_are_kept_apart(hub: Hub, partner: dict[str, Any], dialer: Dialer) -> None:
    calls = leased(hub, partner, dialer, 2)
    answer = dialer.report_all(*(of(call, "interested", responses={"lead": call["lead_id"]}) for call in calls))
    assert {each["status"] for each in answer.json()["results"]} == {200}
    stored = hub.query("SELECT count(DISTINCT responses) FROM contact JOIN lead ON lead.id = lead_id "
                       "WHERE partner_id = $1 AND responses IS NOT NULL", partner["id"])  # fmt: skip
    assert stored == [(2,)]


@pytest.mark.parametrize(
    ("body", "field"),
    [({"outcomes": []}, "outcomes"), ({"outcomes": [{}] * 501}, "outcomes"), ({"calls": []}, "calls"), ([], "body")],
)
def test_a_body_that_is_no_list_of_outcomes_is_refused(dialer: Dialer, body: Any, field: str) -> None:
    url = f"{dialer.hub.url}/v1/dialer/calls:report"
    answer = requests.post(url, json=body, headers=dialer.headers, timeout=30)
    assert answer.status_code == 400
    assert field in answer.json()["detail"]


@pytest.mark.parametrize("path", ["calls:lease", "calls:heartbeat", "calls:report", "calls/1/outcome"])
def test_the_key_is_judged_before_the_body_is_read(hub: Hub, path: str) -> None:
    answer = requests.post(f"{hub.url}/v1/dialer/{path}", data=b"{not json" + b" " * 2**21, timeout=30)
    assert answer.status_code == 401


@pytest.mark.parametrize("body", [b'{"max": NaN}', b'{"max": 1, "max": 2}', b"{", b"\xff"])
def test_a_dialers_body_is_strict_json(dialer: Dialer, body: bytes) -> None:
    url = f"{dialer.hub.url}/v1/dialer/calls:lease"
    assert requests.post(url, data=body, headers=dialer.headers, timeout=30).status_code == 400


def test_a_lead_that_can_not_be_read_holds_up_no_outcome(hub: Hub, partner: dict[str, Any], dialer: Dialer) -> None:
    hub.endpoint(partner["id"], "http://127.0.0.1:1/")
    damaged, fine = leased(hub, partner, dialer, 2)
    hub.query("UPDATE contact SET sealed = 'damaged', responses = 'damaged' WHERE lead_id = $1", damaged["lead_id"])
    answer = dialer.report_all(*(of(call, "interested", responses={"a": "b"}) for call in (damaged, fine)))
    assert [each["status"] for each in answer.json()["results"]] == [200, 200]
    told = "SELECT DISTINCT lead_id FROM event WHERE type = 'call.completed' AND partner_id = $1"
    assert hub.query(told, partner["id"]) == [(fine["lead_id"],)]


def test_a_lead_that_can_not_be_read_holds_up_no_other_outcome(
    hub: Hub, partner: dict[str, Any], dialer: Dialer
) -> None:
    first, second = leased(hub, partner, dialer, 2)
    state = "UPDATE lead SET state = $2 WHERE id = $1"
    hub.query(state, first["lead_id"], "of a later version")
    results = dialer.report_all(of(first, "interested"), of(second, "interested")).json()["results"]
    assert [each["status"] for each in results] == [503, 200]
    assert "again" in results[0]["detail"]
    assert dialer.report(first, "interested").status_code == 503
    hub.query(state, first["lead_id"], "calling")
    assert dialer.report(first, "interested").status_code == 200
