"""Events reach their endpoint: signed, complete, and again when it was away."""

import json
from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook
from werkzeug import Request, Response

from tests.support.dialing import Recorder, eventually
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
