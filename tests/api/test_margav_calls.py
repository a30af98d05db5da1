"""`vendor_id`: a Margav report about a call that the hub gave to the dialer which an operator tied to the tenant."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from pytest_httpserver import HTTPServer

from tests.support.dialing import Dialer, eventually
from tests.support.stack import Hub

LEAD = "SELECT state, outcome FROM lead WHERE id = $1"
OPEN_CALLS = "SELECT count(*) FROM call WHERE lead_id = $1 AND ended_at IS NULL"


@dataclass
class Case:
    """A Comunik8 partner whose leads a dialer calls, and the Margav tenant that the dialer is tied to."""

    hub: Hub
    owner: dict[str, Any]
    dialer: Dialer
    margav: dict[str, Any]

    def lease(self) -> dict[str, Any]:
        """A new lead's call, with the dialer."""
        body = {"first_name": "Jo", "surname": "Doe", "email": "jo@example.com", "type": "motor-trade"}
        url = f"{self.hub.url}/lead/add?key={self.owner['key']}"
        assert requests.post(url, json={**body, "mobile": self.hub.number()}, timeout=30).json()["processed"]
        [call] = self.dialer.lease()
        return call

    def lease_again(self, call: dict[str, Any]) -> dict[str, Any]:
        """The redial of a lead whose call came to nothing, at once."""
        self.wait_for_redial(call)
        [again] = self.dialer.lease()
        return again

    def wait_for_redial(self, call: dict[str, Any]) -> None:
        """Until the lead's next call is ready, long before its time."""
        self.hub.query("UPDATE lead SET dial_at = clock_timestamp() WHERE id = $1", call["lead_id"])
        self.hub.query("INSERT INTO outbox (kind, ref) VALUES ('wake_lead', $1)", call["lead_id"])
        eventually(lambda: self.hub.query(OPEN_CALLS, call["lead_id"]) == [(1,)])

    def click(self, call: dict[str, Any], **more: Any) -> dict[str, Any]:
        """What the dialer reports to Margav when its agent clicks "Interested"."""
        return click(self.hub, self.margav, call, **more)

    def lead(self, call: dict[str, Any]) -> tuple[Any, ...]:
        [found] = self.hub.query(LEAD, call["lead_id"])
        return found


def click(hub: Hub, margav: dict[str, Any], call: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"user": "agent1", "vendor_id": call["id"], "phone": call["person"]["phone"], **more}
    headers = {"X-Dialer-Api-Key": margav["key"]}
    answer = requests.post(f"{hub.url}/api/leads/from-dialer/", json=body, headers=headers, timeout=60)
    assert answer.status_code == 201, answer.text
    said: dict[str, Any] = answer.json()
    return said


@pytest.fixture
def case(hub: Hub) -> Case:
    owner = hub.partner("comunik8")
    dialer, margav = Dialer(hub, owner), hub.partner("margav")
    tie(hub, margav, owner)
    return Case(hub, owner, dialer, margav)


def tie(hub: Hub, margav: dict[str, Any], owner: dict[str, Any]) -> None:
    hub.query("UPDATE partner SET dialer_id = (SELECT dialer_id FROM campaign WHERE partner_id = $2) WHERE id = $1",
              margav["id"], owner["id"])  # fmt: skip


class Receiver:
    """A webhook receiver of the lead's owner."""

    def __init__(self, case: Case, server: HTTPServer, *types: str) -> None:
        self.server = server
        server.expect_request("/hook").respond_with_data("ok")
        case.hub.endpoint(case.owner["id"], server.url_for("/hook"), *types)

    def told(self) -> list[tuple[str, Any]]:
        bodies = [json.loads(request.get_data()) for request, _ in self.server.log]
        return sorted((body["type"], body["data"].get("outcome")) for body in bodies)


def test_a_call_that_the_dialer_has_ends_as_interested(case: Case, httpserver: HTTPServer) -> None:
    receiver = Receiver(case, httpserver, "lead.interested", "lead.processed")
    call = case.lease()
    case.click(call, comments="call after six")
    assert case.lead(call) == ("done", "interested")
    eventually(lambda: receiver.told() == [("lead.interested", "interested"), ("lead.processed", "interested")])


@pytest.mark.parametrize("lesser", ["no_answer", "not_interested", "answered", "callback", "interested"])
def test_what_the_dialer_says_later_is_taken_and_changes_nothing(case: Case, lesser: str) -> None:
    call = case.lease()
    case.click(call)
    more = {"callback_at": "2030-01-01T10:00:00Z"} if lesser == "callback" else {}
    answer = case.dialer.report(call, lesser, **more)
    assert (answer.status_code, answer.json()["lead_state"]) == (200, "done")
    said = {"id": call["id"], "token": call["token"], "outcome": lesser, **more}
    assert [each["status"] for each in case.dialer.report_all(said, said).json()["results"]] == [200, 200]
    assert case.lead(call) == ("done", "interested")
    assert case.hub.query("SELECT outcome FROM call WHERE id = $1", call["id"]) == [("interested",)]


@pytest.mark.parametrize("outcome", ["no_answer", "not_interested", "answered"])
def test_a_call_whose_end_the_dialer_has_reported_is_raised(case: Case, httpserver: HTTPServer, outcome: str) -> None:
    call = case.lease()
    assert case.dialer.report(call, outcome).status_code == 200
    receiver = Receiver(case, httpserver, "lead.interested", "lead.processed", "call.scheduled")
    for _ in range(10):
        case.click(call)
    assert case.lead(call) == ("done", "interested")
    eventually(lambda: len(receiver.told()) >= 2)
    assert case.dialer.report(call, outcome).status_code == 200
    assert case.lead(call) == ("done", "interested")
    case.hub.query("INSERT INTO outbox (kind, ref) VALUES ('wake_lead', $1)", call["lead_id"])
    eventually(lambda: case.hub.query("SELECT count(*) FROM outbox WHERE ref = $1", call["lead_id"]) == [(0,)])
    assert case.hub.query(OPEN_CALLS, call["lead_id"]) == [(0,)]
    assert receiver.told() == [("lead.interested", "interested"), ("lead.processed", "interested")]


def test_a_redial_that_waits_is_not_made_any_more(case: Case) -> None:
    call = case.lease()
    case.dialer.report(call, "no_answer")
    case.wait_for_redial(call)
    case.click(call)
    assert case.dialer.lease(wait=0) == []
    assert case.lead(call) == ("done", "interested")


def test_a_redial_that_is_under_way_may_end_and_lowers_nothing(case: Case, httpserver: HTTPServer) -> None:
    call = case.lease()
    case.dialer.report(call, "no_answer")
    again = case.lease_again(call)
    receiver = Receiver(case, httpserver, "lead.interested", "lead.processed", "call.completed")
    case.click(call)
    assert case.dialer.report(again, "busy").status_code == 200
    assert case.lead(call) == ("done", "interested")
    told = [("call.completed", "busy"), ("lead.interested", "interested"), ("lead.processed", "interested")]
    eventually(lambda: receiver.told() == told)


def test_a_meeting_that_the_dialer_reports_after_the_click_is_not_lost(case: Case, httpserver: HTTPServer) -> None:
    receiver = Receiver(case, httpserver, "lead.interested", "meeting.booked", "lead.processed")
    call = case.lease()
    case.click(call)
    answer = case.dialer.report(call, "meeting_booked", meeting_at="2030-01-01T10:00:00Z")
    assert answer.status_code == 200
    assert case.lead(call) == ("done", "meeting_booked")
    case.click(call)
    assert case.lead(call) == ("done", "meeting_booked")
    booked = "meeting_booked"
    told = [("lead.interested", "interested"), ("lead.processed", "interested"), ("lead.processed", booked)]
    eventually(lambda: receiver.told() == [*told, ("meeting.booked", booked)])


@pytest.mark.parametrize("outcome", ["meeting_booked", "do_not_call"])
def test_what_says_more_than_interest_stays(case: Case, outcome: str) -> None:
    call = case.lease()
    more = {"meeting_at": "2030-01-01T10:00:00Z"} if outcome == "meeting_booked" else {}
    assert case.dialer.report(call, outcome, **more).status_code == 200
    case.click(call)
    assert case.lead(call) == ("done", outcome)


def test_after_its_own_report_and_the_click_a_dialer_may_say_less(case: Case) -> None:
    call = case.lease()
    assert case.dialer.report(call, "interested").status_code == 200
    assert case.dialer.report(call, "busy").status_code == 409
    case.click(call)
    assert case.dialer.report(call, "busy").status_code == 200
    assert case.lead(call) == ("done", "interested")


def test_a_do_not_call_after_the_click_puts_the_number_on_the_list(case: Case) -> None:
    call = case.lease()
    case.click(call)
    assert case.dialer.report(call, "do_not_call").status_code == 200
    listed = "SELECT count(*) FROM suppression WHERE partner_id = $1"
    assert case.hub.query(listed, case.owner["id"]) == [(1,)]


def test_a_day_after_its_end_a_call_is_over(case: Case) -> None:
    call = case.lease()
    case.dialer.report(call, "not_interested")
    day = "UPDATE call SET ended_at = clock_timestamp() - interval '24 hours 1 second' WHERE id = $1"
    case.hub.query(day, call["id"])
    case.click(call)
    assert case.lead(call) == ("done", "not_interested")


def test_a_lead_that_its_sender_cancelled_stays_cancelled(case: Case) -> None:
    call = case.lease()
    case.dialer.report(call, "no_answer")
    case.hub.query("UPDATE lead SET state = 'cancelled', why = 'by its sender' WHERE id = $1", call["lead_id"])
    case.click(call)
    assert case.lead(call) == ("cancelled", "interested")


def other_tenant(case: Case, call: dict[str, Any]) -> None:
    click(case.hub, case.hub.partner("margav"), call)


def tied_to_another_dialer(case: Case, call: dict[str, Any]) -> None:
    other, owner = case.hub.partner("margav"), case.hub.partner("comunik8")
    Dialer(case.hub, owner)
    tie(case.hub, other, owner)
    click(case.hub, other, call)


def without_a_phone(case: Case, call: dict[str, Any]) -> None:
    case.click(call, phone="")


def with_another_phone(case: Case, call: dict[str, Any]) -> None:
    case.click(call, phone=case.hub.number())


def with_a_phone_that_cannot_be_read(case: Case, call: dict[str, Any]) -> None:
    case.click(call, phone="call " + call["person"]["phone"])


def no_longer_tied(case: Case, call: dict[str, Any]) -> None:
    case.hub.query("UPDATE partner SET dialer_id = NULL WHERE id = $1", case.margav["id"])
    case.click(call)


def guessing_ids(case: Case, call: dict[str, Any]) -> None:
    for guess in (f"{call['id']} ", f"0{call['id']}", f"+{call['id']}", f"{call['id']}.5", call["id"] + 1, 2**62):
        if str(guess).strip() != str(call["id"]):
            case.click(call, vendor_id=guess)


@pytest.mark.parametrize("reported", [False, True])
@pytest.mark.parametrize(
    "attack",
    [
        other_tenant,
        tied_to_another_dialer,
        without_a_phone,
        with_another_phone,
        with_a_phone_that_cannot_be_read,
        no_longer_tied,
        guessing_ids,
    ],
)
def test_nobody_else_ends_a_call(case: Case, attack: Callable[[Case, dict[str, Any]], None], *, reported: bool) -> None:
    call = case.lease()
    if reported:
        case.dialer.report(call, "not_interested")
    before = case.lead(call)
    attack(case, call)
    assert case.lead(call) == before
    assert before[1] != "interested"


def test_a_call_on_the_default_dialer_is_nobodys(hub: Hub) -> None:
    owner, margav = hub.partner("comunik8"), hub.partner("margav")
    body = {"first_name": "Jo", "surname": "Doe", "email": "jo@example.com", "type": "motor-trade"}
    number = hub.number()
    requests.post(f"{hub.url}/lead/add?key={owner['key']}", json={**body, "mobile": number}, timeout=30)
    calls = "SELECT id, lead_id FROM call WHERE partner_id = $1"
    eventually(lambda: len(hub.query(calls, owner["id"])) == 1)
    [(call_id, lead_id)] = hub.query(calls, owner["id"])
    headers = {"Authorization": f"Bearer {hub.dialer_key()}"}
    lease = {"max": 500, "lease_seconds": 60}
    leased = requests.post(f"{hub.url}/v1/dialer/calls:lease", json=lease, headers=headers, timeout=60).json()["calls"]
    assert call_id in {call["id"] for call in leased}
    click(hub, margav, {"id": call_id, "person": {"phone": number}})
    assert hub.query(LEAD, lead_id) == [("calling", None)]


def test_a_call_that_waits_for_its_dialer_is_left_alone(case: Case) -> None:
    number = case.hub.number()
    body = {"first_name": "Jo", "surname": "Doe", "email": "jo@example.com", "type": "motor-trade", "mobile": number}
    requests.post(f"{case.hub.url}/lead/add?key={case.owner['key']}", json=body, timeout=30)
    calls = "SELECT id, lead_id FROM call WHERE partner_id = $1"
    eventually(lambda: len(case.hub.query(calls, case.owner["id"])) == 1)
    [(call_id, lead_id)] = case.hub.query(calls, case.owner["id"])
    case.click({"id": call_id, "person": {"phone": number}})
    assert case.hub.query(LEAD, lead_id) == [("calling", None)]


def test_the_phone_counts_however_it_is_written(case: Case) -> None:
    call = case.lease()
    national = "0" + call["person"]["phone"].removeprefix("+44")
    case.click(call, phone="see below", phone_number=f" ({national[:5]}) {national[5:]} ", phone_code="44")
    assert case.lead(call) == ("done", "interested")


def test_racing_reports_of_dialer_and_agents_end_as_interested_once(case: Case, httpserver: HTTPServer) -> None:
    second = case.hub.partner("margav")
    tie(case.hub, second, case.owner)
    receiver = Receiver(case, httpserver, "lead.interested")
    calls = [case.lease() for _ in range(5)]

    def race(call: dict[str, Any]) -> None:
        with ThreadPoolExecutor(5) as pool:
            clicks = [pool.submit(click, case.hub, margav, call) for margav in (case.margav, case.margav, second)]
            reports = [pool.submit(case.dialer.report, call, "no_answer") for _ in range(2)]
        for each in clicks:
            each.result()
        assert [each.result().status_code for each in reports] == [200, 200]

    for call in calls:
        race(call)
    assert [case.lead(call) for call in calls] == [("done", "interested")] * 5
    eventually(lambda: len(receiver.told()) == 5)


def test_what_the_agent_noted_is_kept_with_what_the_dialer_said(hub: Hub) -> None:
    owner, margav = hub.partner("squadiq"), hub.partner("margav")
    dialer = Dialer(hub, owner)
    tie(hub, margav, owner)
    url, headers = f"{hub.url}/api/v4/leads", {"Authorization": f"Bearer {owner['token']}"}
    number = f"+9198765{int(hub.number()[-5:]):05d}"
    lead = {"lead_id": "L1", "contact_name": "Ann", "phone_number": number}
    campaign = owner["campaign_id"]
    made = requests.post(f"{url}/create/{campaign}/", json=[lead], headers=headers, timeout=30)
    assert made.status_code == 201, made.text
    [call] = dialer.lease()
    dialer.report(call, "answered", responses={"mood": "good"})
    click(hub, margav, call, comments="call after six")
    found = requests.get(f"{url}/responses/{campaign}/?lead_id=L1", headers=headers, timeout=30).json()["results"][0]
    assert found["lead_outcome"] == "Connected : Objective Met"
    kept = json.dumps(found)
    assert "good" in kept
    assert "call after six" in kept
