"""Webhooks by HTTP: endpoints made and changed, deliveries read and sent again, ranges replayed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from hub.store.endpoints import MOST_OF_A_PARTNER
from tests.support.dialing import eventually
from tests.support.management import Client, operator, partner, without_request_id
from tests.support.stack import Hub

TRANSFER = "/api/leads/partner-transfer"


@pytest.fixture(scope="module")
def admin(hub: Hub) -> Client:
    return operator(hub)


class Receiver:
    """A partner's endpoint, which answers with `status`."""

    def __init__(self, hub: Hub, server: HTTPServer) -> None:
        self.status = 200
        self.ids: list[str] = []
        server.expect_request("/hooks").respond_with_handler(self._answer)
        self.made = hub.partner()
        self.own = partner(hub, self.made)
        self.endpoint = self.own.post("/endpoints", {"url": server.url_for("/hooks"), "types": ["lead.created"]}, 201)
        self.path = f"/endpoints/{self.endpoint['id']}"

    def _answer(self, request: Any) -> Response:
        self.ids.append(request.headers["webhook-id"])
        return Response("seen", self.status)

    def deliveries(self, **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.own.get("/deliveries", **query)["data"]
        return found


@pytest.fixture
def receiver(hub: Hub) -> Iterator[Receiver]:
    with HTTPServer(host="127.0.0.1") as server:
        yield Receiver(hub, server)


def test_what_an_operator_disabled_its_partner_does_not_enable(receiver: Receiver, admin: Client) -> None:
    own, path = receiver.own, receiver.path
    admin.post(path + "/disable", {"why": "it is somebody else's"})
    refused = own("POST", path + "/enable")
    assert (refused.status_code, "an operator" in refused.json()["detail"]) == (409, True)
    assert admin.post(path + "/enable")["disabled_at"] is None


def test_a_partner_makes_changes_rotates_and_deletes_an_endpoint(receiver: Receiver, admin: Client) -> None:
    own, path, made = receiver.own, receiver.path, receiver.endpoint
    assert made["secret"].startswith("whsec_")
    shown = own.get(path)
    assert "secret" not in shown
    changed = own("PATCH", path, json={"types": [], "contact": "ops@example.com"}).json()
    assert (changed["types"], changed["contact"], changed["url"]) == ([], "ops@example.com", shown["url"])
    assert own.post(path + "/rotate", {"overlap_days": 7})["secret"] != made["secret"]
    assert own.post(path + "/rotate")["id"] == made["id"], "no body is the defaults"
    assert own.post(path + "/disable", {"why": "moving"})["disabled_why"] == "moving"
    assert own("POST", path + "/test").status_code == 409
    assert own.post(path + "/enable")["disabled_at"] is None
    assert [each["id"] for each in own.get("/endpoints")["data"]] == [made["id"]]
    assert own("DELETE", path).json() == {"id": made["id"], "deleted": True}
    assert own.get("/endpoints")["data"] == []
    assert own("DELETE", path).status_code == 404
    verbs = [change["action"].removeprefix("endpoint.") for change in own.get("/audit")["data"]]
    assert verbs[::-1] == ["create", "set", "rotate", "rotate", "disable", "enable", "delete"]
    for listed in (own.get("/audit"), admin.get("/audit", partner_id=receiver.made["id"])):
        assert {change["actor"] for change in listed["data"]} == {f"partner:{own.key.split('_')[2]}"}
        assert {change["address"] for change in listed["data"]} == {"127.0.0.1"}
        assert "ops@example.com" not in str(listed)


def test_an_endpoint_that_cant_be_names_the_field(hub: Hub, receiver: Receiver, admin: Client) -> None:
    good = {"url": "https://example.com/hooks"}
    for body, field in (
        ({}, "url"),
        ({"url": "ftp://example.com"}, "url"),
        ({"url": "https://example.com/" + "x" * 3000}, "url"),
        ({**good, "types": ["lead.lost"]}, "types"),
        ({**good, "types": "lead.created"}, "types"),
        ({**good, "campaign": "mine"}, "campaign"),
        ({**good, "contact": "nobody"}, "contact"),
        ({**good, "partner_id": 1}, "partner_id"),
    ):
        answer = receiver.own("POST", "/endpoints", json=body)
        assert (answer.status_code, without_request_id(answer)["field"]) == (400, field), body
    assert receiver.own("POST", receiver.path + "/rotate", json={"overlap_days": 8}).json()["field"] == "overlap_days"
    assert len(receiver.own.get("/endpoints")["data"]) == 1
    unknown = admin("POST", "/endpoints", json={**good, "partner_id": 2**62})
    assert (unknown.status_code, unknown.json()["field"]) == (404, "partner_id")
    other = hub.partner()
    made = admin.post("/endpoints", {**good, "partner_id": other["id"]}, 201)
    assert [each["id"] for each in admin.get("/endpoints", partner_id=other["id"])["data"]] == [made["id"]]


def test_an_idempotency_key_makes_one_endpoint_and_shows_its_secret_again(hub: Hub) -> None:
    own, body = partner(hub, hub.partner()), {"url": "https://example.com/hooks"}
    key = {"Idempotency-Key": "the first"}
    first, again = (own("POST", "/endpoints", json=body, headers=key) for _ in range(2))
    assert (first.status_code, first.content) == (201, again.content)
    assert len(own.get("/endpoints")["data"]) == 1
    assert own("POST", "/endpoints", json={**body, "types": ["lead.created"]}, headers=key).status_code == 422
    [(answer,)] = hub.query("SELECT answer FROM kept_answer ORDER BY id DESC LIMIT 1")
    assert first.json()["secret"].encode() not in answer


def test_the_same_request_at_once_is_done_once_and_after_a_day_anew(hub: Hub) -> None:
    own, body = partner(hub, hub.partner()), {"url": "https://example.com/hooks"}
    key = {"Idempotency-Key": "at once"}
    with ThreadPoolExecutor(6) as crowd:
        answers = list(crowd.map(lambda _: own("POST", "/endpoints", json=body, headers=key), range(6)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    hub.query("UPDATE kept_answer SET created_at = created_at - interval '24 h'")
    assert own("POST", "/endpoints", json=body, headers=key).content != answers[0].content
    assert len(own.get("/endpoints")["data"]) == 2


def test_a_partner_makes_only_so_many_endpoints(hub: Hub) -> None:
    made = hub.partner()
    many = "INSERT INTO endpoint (partner_id, url, secret) SELECT $1, 'https://example.com', ''"
    hub.query(f"{many} FROM generate_series(1, $2)", made["id"], MOST_OF_A_PARTNER)
    refused = partner(hub, made)("POST", "/endpoints", json={"url": "https://example.com/hooks"})
    assert (refused.status_code, str(MOST_OF_A_PARTNER) in refused.json()["detail"]) == (409, True)


def test_a_test_event_is_delivered_and_shown(receiver: Receiver, admin: Client) -> None:
    sent = receiver.own.post(receiver.path + "/test", status=202)["delivery_id"]
    eventually(lambda: receiver.own.get(f"/deliveries/{sent}")["state"] == "delivered")
    shown = receiver.own.get(f"/deliveries/{sent}")
    assert (shown["type"], shown["history"][0]["status"], shown["history"][0]["answer"]) == (
        "endpoint.test",
        200,
        "seen",
    )
    assert shown["event_id"] in receiver.ids
    told = admin.get(f"/deliveries/{sent}")
    assert (told["payload"], told["history"][0]["answer"]) == (None, None)
    assert admin.post(f"/deliveries/{sent}/reveal")["payload"] == shown["payload"]
    [change] = admin.get("/audit", action="delivery.reveal", subject_id=sent)["data"]
    assert change["partner_id"] == receiver.made["id"]


def test_what_an_endpoint_missed_is_sent_again(hub: Hub, receiver: Receiver) -> None:
    own = receiver.own
    receiver.status = 500
    hub.post(TRANSFER, receiver.made["key"], {"leads": [{"name": "Ann Lee", "phone": hub.number()}]})
    eventually(lambda: [each["attempts"] for each in receiver.deliveries(type="lead.created")] == [1])
    [delivery] = receiver.deliveries(state="pending", endpoint_id=receiver.endpoint["id"])
    receiver.status = 200
    own.post(f"/deliveries/{delivery['id']}/retry")
    eventually(lambda: receiver.deliveries()[0]["state"] == "delivered")
    refused = own("POST", f"/deliveries/{delivery['id']}/retry")
    assert (refused.status_code, "delivered" in refused.json()["detail"]) == (409, True)
    own.post(f"/deliveries/{delivery['id']}/replay")
    eventually(lambda: receiver.ids.count(delivery["event_id"]) == 3)


def test_a_range_is_counted_then_replayed(hub: Hub, receiver: Receiver, admin: Client) -> None:
    own = receiver.own
    hub.post(TRANSFER, receiver.made["key"], {"leads": [{"name": "Ann Lee", "phone": hub.number()}]})
    eventually(lambda: [each["state"] for each in receiver.deliveries()] == ["delivered"])
    body = {"endpoint_id": receiver.endpoint["id"], "since": (datetime.now(UTC) - timedelta(hours=1)).isoformat()}
    assert own.post("/replays", {**body, "dry_run": True}) == {"endpoint_id": receiver.endpoint["id"], "total": 1}
    assert own.get("/replays")["data"] == []
    replay = own.post("/replays", body, 201)
    assert replay["total"] == 1
    eventually(lambda: own.get(f"/replays/{replay['id']}")["state"] == "done")
    eventually(lambda: len(receiver.ids) == 2)
    assert [each["id"] for each in admin.get("/replays", partner_id=receiver.made["id"])["data"]] == [replay["id"]]
    for verb in ("pause", "resume", "cancel"):
        assert own("POST", f"/replays/{replay['id']}/{verb}").status_code == 409
    future = own("POST", "/replays", json={**body, "since": "2099-01-01T00:00:00Z"})
    for refused, field in ((future, "since"), (own("POST", "/replays", json={**body, "since": "1999-01-01"}), "since")):
        assert (refused.status_code, without_request_id(refused)["field"]) == (400, field)
