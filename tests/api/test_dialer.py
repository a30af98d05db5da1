"""Pull dialers: each call once, fenced, and only while it is allowed."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
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


def submit(hub: Hub, partner: dict[str, Any], count: int = 1) -> list[str]:
    numbers = [hub.number() for _ in range(count)]
    rows = [{"name": "Ann Lee", "phone": number} for number in numbers]
    assert hub.post(PATH, partner["key"], {"leads": rows}).json()["created"] == count
    return numbers


def test_a_long_poll_brings_the_call_at_once_with_who_to_call(hub: Hub, partner: Any, dialer: Dialer) -> None:
    got: list[dict[str, Any]] = []
    poll = threading.Thread(target=lambda: got.extend(dialer.lease(wait=30)))
    poll.start()
    [number] = submit(hub, partner)
    poll.join(20)
    assert [(call["person"]["phone"], call["person"]["name"], call["attempt"]) for call in got] == [
        (number, "Ann Lee", 1)
    ]


def test_a_person_that_can_not_be_read_keeps_no_other_call_from_its_dialer(
    hub: Hub, partner: Any, dialer: Dialer
) -> None:
    first, second = submit(hub, partner, 2)
    damaged = "UPDATE contact SET sealed = 'damaged' WHERE lead_id = (SELECT min(id) FROM lead WHERE partner_id = $1)"
    hub.query(damaged, partner["id"])
    taken: list[dict[str, Any]] = []
    eventually(lambda: taken.extend(dialer.lease(most=5, wait=1)) or taken)
    assert [call["person"]["phone"] for call in taken] in ([first], [second])


def test_a_long_poll_finds_by_itself_what_no_notification_tells_of(hub: Hub, partner: Any, dialer: Dialer) -> None:
    submit(hub, partner)
    [first] = dialer.lease(seconds=1)
    [second] = dialer.lease(wait=20)  # nobody is notified when a lease ends
    assert second["id"] == first["id"]


def test_an_outcome_said_again_changes_nothing_and_an_old_token_is_refused(
    hub: Hub, partner: Any, dialer: Dialer
) -> None:
    submit(hub, partner)
    [call] = dialer.lease()
    assert dialer.report({**call, "token": call["token"] + 1}, "interested").status_code == 409
    answers = [dialer.report(call, "interested") for _ in range(2)]
    assert [(answer.status_code, answer.json()["lead_state"]) for answer in answers] == [(200, "done")] * 2


def test_a_lease_that_ended_goes_back_and_its_late_report_is_refused(hub: Hub, partner: Any, dialer: Dialer) -> None:
    submit(hub, partner)
    [first] = dialer.lease(seconds=1)
    second: list[dict[str, Any]] = []
    eventually(lambda: second.extend(dialer.lease(wait=0)) or second)
    assert second[0]["id"] == first["id"]
    assert dialer.report(first, "interested").status_code == 409
    assert dialer.report(second[0], "not_interested").status_code == 200


def test_a_heartbeat_keeps_a_lease_and_tells_which_are_lost(hub: Hub, partner: Any, dialer: Dialer) -> None:
    submit(hub, partner)
    [call] = dialer.lease(seconds=2)
    held = {"calls": [{"id": call["id"], "token": call["token"]}, {"id": call["id"], "token": 0}], "lease_seconds": 60}
    answer = requests.post(f"{hub.url}/v1/dialer/calls:heartbeat", json=held, headers=dialer.headers, timeout=30)
    assert answer.json()["held"] == [call["id"]]
    [(left,)] = hub.query("SELECT extract(epoch FROM lease_until - now()) FROM call WHERE id = $1", call["id"])
    assert left > 30


def test_no_call_is_leased_twice(hub: Hub, partner: Any, dialer: Dialer) -> None:
    submit(hub, partner, 30)
    ready = "SELECT count(*) FROM call WHERE partner_id = $1 AND state = 'ready'"
    eventually(lambda: hub.query(ready, partner["id"]) == [(30,)])
    with ThreadPoolExecutor(6) as crowd:
        leased = [call["id"] for calls in crowd.map(lambda _: dialer.lease(7, wait=0), range(6)) for call in calls]
    assert len(leased) == len(set(leased)) == 30


def test_anothers_call_does_not_exist(hub: Hub, partner: Any, dialer: Dialer) -> None:
    submit(hub, partner)
    [call] = dialer.lease()
    stranger = Dialer(hub, hub.partner())
    unknown = stranger.report({**call, "id": 10**12}, "interested")
    assert (stranger.report(call, "interested").content, unknown.status_code) == (unknown.content, 404)


def test_do_not_call_is_on_the_list_before_the_answer_and_stops_other_leads(
    hub: Hub, partner: Any, dialer: Dialer
) -> None:
    submit(hub, partner)
    [call] = dialer.lease()
    assert dialer.report(call, "do_not_call").json()["lead_state"] == "done"
    listed = "SELECT count(*) FROM suppression JOIN lead USING (phone_hash) WHERE lead.id = $1"
    assert hub.query(listed, call["lead_id"]) == [(1,)]


def test_a_suppressed_number_is_not_leased(hub: Hub, partner: Any, dialer: Dialer) -> None:
    submit(hub, partner)
    ready = "SELECT phone_hash FROM call WHERE partner_id = $1 AND state = 'ready'"
    eventually(lambda: hub.query(ready, partner["id"]))
    [(phone_hash,)] = hub.query(ready, partner["id"])
    hub.query("INSERT INTO suppression (phone_hash, reason) VALUES ($1, 'test')", phone_hash)
    assert dialer.lease(wait=0) == []


@pytest.mark.parametrize(("outcome", "minutes"), [("busy", 5), ("no_answer", 120), ("voicemail", 240)])
def test_who_was_not_reached_is_called_again_later(
    hub: Hub, partner: Any, dialer: Dialer, outcome: str, minutes: int
) -> None:
    submit(hub, partner)
    [call] = dialer.lease()
    assert dialer.report(call, outcome).json()["lead_state"] == "scheduled"
    [(wait,)] = hub.query("SELECT extract(epoch FROM dial_at - now()) / 60 FROM lead WHERE id = $1", call["lead_id"])
    assert float(wait) == pytest.approx(minutes, abs=1)


def test_after_its_last_attempt_a_lead_is_done(hub: Hub, partner: Any, dialer: Dialer) -> None:
    hub.query("""UPDATE campaign SET policy = '{"max_attempts": 1}' WHERE partner_id = $1""", partner["id"])
    submit(hub, partner)
    [call] = dialer.lease()
    assert dialer.report(call, "no_answer").json()["lead_state"] == "done"


def test_a_callback_comes_at_its_time(hub: Hub, partner: Any, dialer: Dialer) -> None:
    submit(hub, partner)
    [call] = dialer.lease()
    at = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() + 2))
    assert dialer.report(call, "callback", callback_at=at).json()["lead_state"] == "scheduled"
    [again] = dialer.lease(wait=20)
    assert (again["lead_id"], again["attempt"]) == (call["lead_id"], 2)


@pytest.mark.parametrize(
    "said", [{"outcome": "sold"}, {"outcome": "callback", "callback_at": "soon"}, {"outcome": "busy", "x": 1}]
)
def test_a_report_that_makes_no_sense_names_its_field(
    hub: Hub, partner: Any, dialer: Dialer, said: dict[str, Any]
) -> None:
    submit(hub, partner)
    [call] = dialer.lease()
    url = f"{hub.url}/v1/dialer/calls/{call['id']}/outcome"
    answer = requests.post(url, json={"token": call["token"], **said}, headers=dialer.headers, timeout=30)
    assert answer.status_code == 400
    assert list(said)[-1] in answer.json()["detail"]


def test_an_unverified_number_is_kept_but_not_called(hub: Hub, partner: Any) -> None:
    body = {"leads": [{"name": "John Doe", "phone": f"+1{hub.number()[-9:]}"}]}
    hub.post(PATH, partner["key"], body)
    stands = "SELECT state, why FROM lead WHERE partner_id = $1"
    eventually(lambda: hub.query(stands, partner["id"]) == [("refused", "number unverified")])
