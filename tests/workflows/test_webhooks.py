"""Events reach their endpoint: signed, complete, and again when it was away."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook
from werkzeug import Request, Response

from tests.support.dialing import Dialer, Recorder, eventually
from tests.support.squadiq import Sender
from tests.support.stack import Hub

PATH = "/api/leads/partner-transfer"


@pytest.fixture
def receiver() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1") as server:
        yield server


def test_a_leads_events_arrive_signed(hub: Hub, receiver: HTTPServer) -> None:
    receiver.expect_request("/hook").respond_with_data("ok")
    partner = hub.partner()
    secret = hub.endpoint(partner["id"], receiver.url_for("/hook"))["secret"]
    hub.post(PATH, partner["key"], {"leads": [{"name": "Ann Lee", "phone": hub.number()}]})
    wanted = {"lead.created", "call.scheduled", "call.completed", "lead.interested", "lead.processed"}
    with Recorder(hub.url, hub.dialer_key()):
        eventually(lambda: len(receiver.log) >= len(wanted))

    events = [
        Webhook(secret).verify(request.get_data(as_text=True), dict(request.headers)) for request, _ in receiver.log
    ]
    assert {event["type"] for event in events} == wanted
    [processed] = [event["data"] for event in events if event["type"] == "lead.processed"]
    assert (processed["outcome"], processed["attempts"]) == ("interested", 1)


def data_of(receiver: HTTPServer) -> dict[str, dict[str, Any]]:
    """The data of the events received so far, by type."""
    bodies = [json.loads(request.get_data()) for request, _ in receiver.log]
    return {body["type"]: body["data"] for body in bodies}


def test_every_event_tells_whose_lead_it_is_and_how_it_came(hub: Hub, receiver: HTTPServer) -> None:
    receiver.expect_request("/hook").respond_with_data("ok")
    partner, number = hub.partner(region="GB"), hub.number()
    dialer = Dialer(hub, partner)
    hub.endpoint(partner["id"], receiver.url_for("/hook"))
    sent = f"0{number[3:7]} {number[7:]}"
    lead = {"name": "Ann Lee", "phone": sent, "email": "ann@example.com"}
    answer = hub.post(PATH, partner["key"], {"leads": [{"name": "nobody"}, lead]})
    [call] = dialer.lease()
    dialer.report(call, "meeting_booked", meeting_at="2026-12-01T10:00:00+00:00")
    wanted = {"lead.created", "call.scheduled", "call.completed", "lead.interested", "meeting.booked", "lead.processed"}
    eventually(lambda: set(data_of(receiver)) == wanted)
    told = {
        "id": call["lead_id"],
        "reference": None,
        "phone": number,
        "phone_sent": sent,
        "email": "ann@example.com",
        "request_id": answer.headers["X-Request-Id"],
        "row": 1,
    }
    assert [data["lead"] for data in data_of(receiver).values()] == [told] * len(wanted)


def test_squadiqs_events_name_the_lead_and_mask_its_number(hub: Hub, receiver: HTTPServer) -> None:
    receiver.expect_request("/hook").respond_with_data("ok")
    sender = Sender(hub, hub.partner("squadiq"))
    dialer = Dialer(hub, sender.partner)
    hub.endpoint(sender.partner["id"], receiver.url_for("/hook"))
    number = sender.number()
    sent = sender.lead("policy-7", phone_number=f"0{number[3:]}", email="ann@example.com")
    created = sender.send("create", [sent])
    assert sender.send("convert", {"lead_id": "policy-7", "detail": "sold"}).ok
    eventually(lambda: {"lead.created", "lead.converted"} <= set(data_of(receiver)))
    told = data_of(receiver)["lead.created"]["lead"]
    assert told == data_of(receiver)["lead.converted"]["lead"]
    masked = {"phone": "+91xxxxxxxxxx", "phone_sent": "xxxxxxxxxxx", "email": "ann@example.com"}
    source = {"reference": "policy-7", "request_id": created.headers["X-Request-Id"], "row": 0}
    assert told == {"id": told["id"], **source, **masked}
    assert dialer.lease(wait=0) == []
    assert sender.send("delete", {"lead_id": "policy-7"}).ok
    eventually(lambda: "lead.deleted" in data_of(receiver))
    unknown = dict.fromkeys(("reference", "phone", "phone_sent", "email"))
    assert data_of(receiver)["lead.deleted"]["lead"] == told | unknown


def test_margavs_events_name_the_dialers_lead(hub: Hub, receiver: HTTPServer) -> None:
    receiver.expect_request("/hook").respond_with_data("ok")
    partner, number = hub.partner("margav"), hub.number()
    hub.endpoint(partner["id"], receiver.url_for("/hook"))
    report = {"user": "agent1", "lead_id": "D-77", "phone": number, "email": "ann@example.com"}
    headers = {"X-Dialer-Api-Key": partner["key"]}
    answer = requests.post(hub.url + "/api/leads/from-dialer/", json=report, headers=headers, timeout=30)
    eventually(lambda: set(data_of(receiver)) == {"lead.created", "lead.interested"})
    told = data_of(receiver)["lead.interested"]["lead"]
    assert (told["id"], told["reference"], told["phone"]) == (answer.json()["lead"]["id"], "D-77", number)
    assert (told["email"], told["row"]) == ("ann@example.com", 0)
    assert told["request_id"] == answer.headers["X-Request-Id"]


def test_a_failed_attempt_is_made_again_with_the_same_id(hub: Hub, receiver: HTTPServer) -> None:
    answers = iter([Response(status=500), Response(status=200)])
    seen: list[tuple[str, bytes]] = []

    def answer(request: Request) -> Response:
        seen.append((request.headers["webhook-id"], request.get_data()))
        return next(answers)

    receiver.expect_request("/hook").respond_with_handler(answer)
    partner = hub.partner()
    endpoint = hub.endpoint(partner["id"], receiver.url_for("/hook"), "lead.created")
    hub.post(PATH, partner["key"], {"leads": [{"name": "Ann Lee", "phone": hub.number()}]})
    state = "SELECT state, attempts FROM delivery WHERE endpoint_id = $1"
    eventually(lambda: hub.query(state, endpoint["id"]) == [("delivered", 2)])
    assert seen[0] == seen[1]
    assert json.loads(seen[0][1])["type"] == "lead.created"


def test_an_endpoint_that_is_gone_is_disabled(hub: Hub, receiver: HTTPServer) -> None:
    receiver.expect_request("/hook").respond_with_data("", status=410)
    partner = hub.partner()
    endpoint = hub.endpoint(partner["id"], receiver.url_for("/hook"), "lead.created")
    hub.post(PATH, partner["key"], {"leads": [{"name": "Ann Lee", "phone": hub.number()}]})
    why = "SELECT disabled_why FROM endpoint WHERE id = $1 AND disabled_at IS NOT NULL"
    eventually(lambda: hub.query(why, endpoint["id"]) == [("it answered 410 Gone",)])
