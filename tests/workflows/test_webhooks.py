"""Events reach their endpoint: signed, complete, and again when it was away."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from werkzeug import Request, Response

from hub.webhooks import MOST_PLACES, PAUSED_AFTER
from tests.support.dialing import Dialer, eventually
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
    dialer = Dialer(hub, partner)
    hub.post(PATH, partner["key"], {"leads": [{"name": "Ann Lee", "phone": hub.number()}]})
    [call] = dialer.lease()
    dialer.report(call, "interested")
    wanted = {"lead.created", "call.scheduled", "call.completed", "lead.interested", "lead.processed"}
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


def transfer(hub: Hub, partner: dict[str, Any], leads: int = 1) -> None:
    """Leads that nobody else's dialer gets."""
    Dialer(hub, partner)
    rows = [{"name": "Ann Lee", "phone": hub.number()} for _ in range(leads)]
    for start in range(0, leads, 100):
        assert hub.post(PATH, partner["key"], {"leads": rows[start : start + 100]}).status_code == 200


def test_an_endpoint_that_is_gone_is_disabled_and_its_partners_others_are_told(hub: Hub, receiver: HTTPServer) -> None:
    receiver.expect_request("/gone").respond_with_data("", status=410)
    receiver.expect_request("/other").respond_with_data("ok")
    partner = hub.partner()
    gone = hub.endpoint(partner["id"], receiver.url_for("/gone"), "lead.created", "endpoint.disabled")
    hub.endpoint(partner["id"], receiver.url_for("/other"), "endpoint.disabled")
    transfer(hub, partner)
    eventually(lambda: "endpoint.disabled" in data_of_path(receiver, "/other"))
    told = data_of_path(receiver, "/other")["endpoint.disabled"]
    assert (told["endpoint_id"], told["why"]) == (gone["id"], "it answered 410 Gone")
    assert told["url"] == receiver.url_for("/gone")
    assert [state for (state,) in hub.query(STATES, gone["id"])] == ["waiting"]


STATES = "SELECT state FROM delivery WHERE endpoint_id = $1"


def data_of_path(receiver: HTTPServer, path: str) -> dict[str, dict[str, Any]]:
    bodies = [json.loads(request.get_data()) for request, _ in receiver.log if request.path == path]
    return {body["type"]: body["data"] for body in bodies}


def workflow_of(hub: Hub, endpoint_id: int) -> str | None:
    """The status of the workflow of the endpoint's only delivery, None without one."""
    ids = "SELECT concat_ws('-', 'webhook', delivery.id, workflow_token, deployment.id) FROM delivery, deployment"
    [(workflow_id,)] = hub.query(f"{ids} WHERE endpoint_id = $1", endpoint_id)

    async def describe() -> str | None:
        client = await Client.connect(hub.temporal)
        try:
            found = await client.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        return found.status.name if found.status else None

    return asyncio.run(describe())


def test_only_a_delivery_that_failed_has_a_workflow(hub: Hub, receiver: HTTPServer) -> None:
    receiver.expect_request("/well").respond_with_data("ok")
    receiver.expect_request("/ill").respond_with_data("", status=500)
    partner = hub.partner()
    well = hub.endpoint(partner["id"], receiver.url_for("/well"), "lead.created")
    ill = hub.endpoint(partner["id"], receiver.url_for("/ill"), "lead.created")
    transfer(hub, partner)
    eventually(lambda: hub.query(STATES, well["id"]) == [("delivered",)])
    eventually(lambda: workflow_of(hub, ill["id"]) == "RUNNING")
    assert workflow_of(hub, well["id"]) is None


HUNG = 300


def test_an_endpoint_that_hangs_keeps_nobody_waiting(hub: Hub, receiver: HTTPServer) -> None:
    receiver.expect_request("/hook").respond_with_data("ok")
    sick, healthy = hub.partner(rate_limit=100_000), hub.partner()
    with socket.create_server(("127.0.0.1", 0), backlog=HUNG) as silent:  # it takes connections and answers none
        hangs = hub.endpoint(sick["id"], f"http://127.0.0.1:{silent.getsockname()[1]}/", "lead.created")
        neighbour = hub.endpoint(sick["id"], receiver.url_for("/hook"), "lead.created")
        other = hub.endpoint(healthy["id"], receiver.url_for("/hook"), "lead.created")
        transfer(hub, sick, HUNG)
        claimed = "SELECT count(*) FROM delivery WHERE endpoint_id = $1 AND claimed_until > now()"
        eventually(lambda: hub.query(claimed, hangs["id"])[0][0] > 0)
        transfer(hub, healthy)
        eventually(lambda: hub.query(STATES, other["id"]) == [("delivered",)])
        eventually(lambda: set(hub.query(STATES, neighbour["id"])) == {("delivered",)})
        untouched = "SELECT count(*) FROM delivery WHERE endpoint_id = $1 AND attempts = 0"
        assert hub.query(untouched, hangs["id"])[0][0] > HUNG / 2, "all was delivered while the hung ones still waited"
        assert hub.query(claimed, hangs["id"])[0][0] <= MOST_PLACES


def test_an_outage_burns_no_attempts_of_what_waits_and_ends_with_the_first_success(
    hub: Hub, receiver: HTTPServer
) -> None:
    away = threading.Event()
    away.set()
    receiver.expect_request("/hook").respond_with_handler(lambda _: Response(status=503 if away.is_set() else 200))
    partner = hub.partner(rate_limit=100_000)
    endpoint = hub.endpoint(partner["id"], receiver.url_for("/hook"), "lead.created")
    transfer(hub, partner, 50)
    paused = "SELECT paused_until > now() FROM endpoint WHERE id = $1"
    eventually(lambda: hub.query(paused, endpoint["id"]) == [(True,)])
    tried = "SELECT count(*) FROM delivery WHERE endpoint_id = $1 AND attempts > 0"
    assert hub.query(tried, endpoint["id"])[0][0] <= MOST_PLACES + PAUSED_AFTER
    away.clear()
    hub.query("UPDATE endpoint SET paused_until = now() WHERE id = $1", endpoint["id"])  # as if the pause had passed
    eventually(lambda: set(hub.query(STATES, endpoint["id"])) == {("delivered",)})
    health = "SELECT failing_since, failures, paused_until, places FROM endpoint WHERE id = $1"
    assert hub.query(health, endpoint["id"]) == [(None, 0, None, MOST_PLACES)]


def test_what_a_disabled_endpoint_missed_arrives_when_it_is_enabled(hub: Hub, receiver: HTTPServer) -> None:
    receiver.expect_request("/hook").respond_with_data("ok")
    partner = hub.partner()
    endpoint = hub.endpoint(partner["id"], receiver.url_for("/hook"), "lead.created")
    hub.query("UPDATE endpoint SET disabled_at = now() WHERE id = $1", endpoint["id"])
    transfer(hub, partner, 3)
    assert hub.query(STATES, endpoint["id"]) == [("waiting",)] * 3
    hub.query("UPDATE endpoint SET disabled_at = NULL WHERE id = $1", endpoint["id"])
    eventually(lambda: hub.query(STATES, endpoint["id"]) == [("delivered",)] * 3)


def test_a_retry_whose_endpoint_is_paused_leaves_its_workflow_and_is_sent_after_it(
    hub: Hub, receiver: HTTPServer
) -> None:
    answers = iter([500, *[200] * 10])
    receiver.expect_request("/hook").respond_with_handler(lambda _: Response(status=next(answers)))
    partner = hub.partner()
    endpoint = hub.endpoint(partner["id"], receiver.url_for("/hook"), "lead.created")
    transfer(hub, partner)
    tried = "SELECT attempts, queued_at IS NULL FROM delivery WHERE endpoint_id = $1"
    eventually(lambda: hub.query(tried, endpoint["id"]) == [(1, True)])
    hub.query("UPDATE endpoint SET paused_until = now() + interval '1 hour' WHERE id = $1", endpoint["id"])
    eventually(lambda: hub.query(tried, endpoint["id"]) == [(1, False)])
    assert workflow_of(hub, endpoint["id"]) is None  # a later failure gives it another
    hub.query("UPDATE endpoint SET paused_until = NULL WHERE id = $1", endpoint["id"])
    eventually(lambda: hub.query(STATES, endpoint["id"]) == [("delivered",)])


def test_a_delivery_of_the_version_before_is_made_by_its_workflow(hub: Hub, receiver: HTTPServer) -> None:
    receiver.expect_request("/hook").respond_with_data("ok")
    partner = hub.partner()
    endpoint = hub.endpoint(partner["id"], receiver.url_for("/hook"), "lead.created")
    hub.query("UPDATE endpoint SET disabled_at = now() WHERE id = $1", endpoint["id"])
    transfer(hub, partner)
    former = "UPDATE delivery SET state = 'pending', workflow_token = NULL WHERE endpoint_id = $1"
    # As it was written then: with a row in the outbox that starts its workflow, and not in the queue.
    hub.query(
        f"WITH enabled AS (UPDATE endpoint SET disabled_at = NULL WHERE id = $1), former AS ({former} RETURNING id)"  # noqa: S608 - constants
        " INSERT INTO outbox (kind, ref) SELECT 'deliver', id FROM former",
        endpoint["id"],
    )
    eventually(lambda: hub.query(STATES, endpoint["id"]) == [("delivered",)])
    eventually(lambda: workflow_of(hub, endpoint["id"]) == "COMPLETED")
