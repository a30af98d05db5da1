"""What is sent is what /docs says: every event that a lead's life brings, by every API that has leads.

Discounts' events are compared in test_discounts.py.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from pytest_httpserver import HTTPServer

from hub.contracts import registry
from hub.webhook_payloads import PAYLOADS, sample
from hub.webhooks import EVENT_TYPES
from tests.support.dialing import Dialer, eventually
from tests.support.squadiq import Sender
from tests.support.stack import Hub
from tests.support.webhook_models import assert_documented

PATH = "/api/leads/partner-transfer"


@pytest.fixture
def receiver() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1") as server:
        server.expect_request("/hook").respond_with_data("ok")
        yield server


def bodies(receiver: HTTPServer) -> list[dict[str, Any]]:
    return [json.loads(request.get_data()) for request, _ in receiver.log]


def await_types(receiver: HTTPServer, *wanted: str) -> None:
    """Wait until events of just these types came, and compare all with their models."""
    eventually(lambda: sorted(body.get("type", "campaign") for body in bodies(receiver)) == sorted(wanted))
    for body in bodies(receiver):
        assert_documented(body)


def test_a_partner_api_leads_events(hub: Hub, receiver: HTTPServer) -> None:
    partner = hub.partner()
    dialer = Dialer(hub, partner)
    hub.endpoint(partner["id"], receiver.url_for("/hook"))
    hub.post(PATH, partner["key"], {"leads": [{"name": "Ann Lee", "phone": hub.number()}]})
    [call] = dialer.lease()
    dialer.report(call, "meeting_booked", meeting_at="2026-12-01T10:00:00+00:00", responses={"budget": 500})
    life = ("lead.created", "call.scheduled", "call.completed", "lead.interested", "meeting.booked", "lead.processed")
    await_types(receiver, *life)


def test_a_refused_leads_and_a_failed_calls_events(hub: Hub, receiver: HTTPServer) -> None:
    partner = hub.partner()
    dialer = Dialer(hub, partner)
    types = ("lead.processed", "call.completed")
    hub.endpoint(partner["id"], receiver.url_for("/hook"), *types)
    leads = [{"name": "Ann", "phone": f"+44909879{hub.number()[-4:]}"}, {"name": "Bob", "phone": hub.number()}]
    hub.post(PATH, partner["key"], {"leads": leads})
    [call] = dialer.lease()
    assert dialer.report(call, "failed").ok
    await_types(receiver, *types)
    processed = next(body["data"] for body in bodies(receiver) if body["type"] == "lead.processed")
    assert processed["outcome"] is None
    assert processed["refused"]


def test_a_squadiq_leads_events_and_its_campaigns_own_payload(hub: Hub, receiver: HTTPServer) -> None:
    sender = Sender(hub, hub.partner("squadiq"))
    dialer = Dialer(hub, sender.partner)
    hub.endpoint(sender.partner["id"], receiver.url_for("/hook"), "lead.converted", "lead.deleted", "lead.processed")
    hub.endpoint(sender.partner["id"], receiver.url_for("/hook"), campaign=sender.partner["campaign_id"])
    sender.create("policy-7")
    [call] = dialer.lease()
    dialer.report(call, "interested", responses={"product": "term"})
    await_types(receiver, "lead.processed", "campaign")
    assert sender.send("convert", {"lead_id": "policy-7", "detail": "sold"}).ok
    await_types(receiver, "lead.processed", "campaign", "lead.converted")  # erasing takes back what is not sent yet
    assert sender.send("delete", {"lead_id": "policy-7"}).ok
    await_types(receiver, "lead.processed", "campaign", "lead.converted", "lead.deleted")


def test_a_margav_reports_events(hub: Hub, receiver: HTTPServer) -> None:
    partner = hub.partner("margav")
    hub.endpoint(partner["id"], receiver.url_for("/hook"))
    report = {"user": "agent1", "lead_id": "D-77", "phone": hub.number()}
    headers = {"X-Dialer-Api-Key": partner["key"]}
    assert requests.post(hub.url + "/api/leads/from-dialer/", json=report, headers=headers, timeout=30).ok
    await_types(receiver, "lead.created", "lead.interested")


def test_docs_describe_every_type_with_an_example_that_fits(hub: Hub) -> None:
    described = requests.get(hub.url + "/openapi.json", timeout=30).json()["webhooks"]
    assert described.keys() == {*PAYLOADS, "squadiq.lead.processed"}
    assert set(EVENT_TYPES) <= PAYLOADS.keys()
    for webhook in described.values():
        content = webhook["post"]["requestBody"]["content"]["application/json"]
        assert_documented(content["example"])
        assert content["schema"]["properties"].keys() == content["example"].keys()
        headers = [parameter["name"] for parameter in webhook["post"]["parameters"]]
        assert headers == ["webhook-id", "webhook-timestamp", "webhook-signature"]


@pytest.mark.parametrize("api", registry.names())
def test_samples_fit_their_models_and_say_that_they_are_samples(api: str) -> None:
    for event_type in PAYLOADS:
        data = sample(event_type, api)
        assert data["sample"] is True
        assert_documented({"type": event_type, "timestamp": "2026-12-01T10:00:00+00:00", "data": data})
        assert data.get("api", api) == api
