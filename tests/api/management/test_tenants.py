"""Another tenant's id and one that nothing has get the same answer, on every route of partners, wherever it stands."""

import re
from typing import Any

import pytest
import requests

from tests.support.management import Client, partner, routes, without_request_id
from tests.support.stack import Hub

MISSING = {int: 2**62 + 1, str: "0" * 32}
Ids = dict[str, Any]


@pytest.fixture(scope="module")
def theirs(hub: Hub) -> Ids:
    """What another tenant has, by the names that paths, queries and bodies have for their ids."""
    made, buyer = hub.partner(), hub.partner("leanpub")
    body = {"leads": [{"name": "Ann Lee", "phone": hub.number()}]}
    assert hub.post("/api/leads/partner-transfer", made["key"], body).ok
    [(lead,)] = hub.query("SELECT id FROM lead WHERE partner_id = $1", made["id"])
    them = partner(hub, made)
    endpoint = them.post("/endpoints", {"url": "http://127.0.0.1:9/hooks"}, 201)["id"]
    since = {"endpoint_id": endpoint, "since": "2026-01-01T00:00:00Z"}
    ids = {"partnerId": buyer["partner_id"], "origin": buyer["origin"], "productId": buyer["product_id"]}
    recipient = {"firstName": "John", "lastName": "Smith", "email": "john@example.com"}
    discount = hub.post("/api/v2/PartnerDiscountRequest", buyer["key"], {**ids, "recipient": recipient}).json()
    assert partner(hub, buyer).get(f"/discounts/{discount['requestId']}")
    assert partner(hub, buyer).get(f"/requests/{discount['requestId']}")
    return {
        "lead_id": lead,
        "endpoint_id": endpoint,
        "delivery_id": them.post(f"/endpoints/{endpoint}/test", status=202)["delivery_id"],
        "replay_id": them.post("/replays", since, 201)["id"],
        "request_id": discount["requestId"],
    }


@pytest.fixture(scope="module")
def own(hub: Hub) -> Client:
    return partner(hub, hub.partner("squadiq"))


def told(answer: requests.Response, sent: object) -> tuple[int, object, dict[str, str]]:
    """All that the caller gets but its request's id; what it sent itself as ID."""
    body = without_request_id(answer) if answer.status_code >= 400 else answer.json()
    headers = {name: value for name, value in answer.headers.items() if name.lower() not in {"x-request-id", "date"}}
    del headers["content-length"]
    return answer.status_code, re.sub(rf"\b{sent}\b", "ID", str(body)), headers


def example(operation: dict[str, Any]) -> dict[str, Any] | None:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return content and dict(content["example"])


def test_anothers_ids_are_as_missing_ones(hub: Hub, own: Client, theirs: Ids) -> None:
    tried = set()
    for method, path, operation in routes(hub):
        if operation["tags"] != ["Partner"]:
            continue
        path = path.removeprefix("/v1/partner")  # noqa: PLW2901 - as the client has it
        in_path = re.findall(r"{(\w+)}", path)
        assert set(in_path) <= theirs.keys(), "make one of another tenant's above"
        body = example(operation)
        query = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"}
        for name, their_id in theirs.items():
            answers = []
            for given in (their_id, MISSING[type(their_id)]):
                if name in in_path:
                    answer = own(method, path.replace(f"{{{name}}}", str(given)), json=body)
                elif not in_path and name in query:
                    answer = own(method, path, params={name: given})
                elif not in_path and body is not None and name in body:
                    answer = own(method, path, json=body | {name: given})
                else:
                    continue
                answers.append(told(answer, given))
            assert answers[:1] == answers[1:], (method, path, name)
            if answers:
                assert answers[0][0] == (404 if name in in_path else answers[0][0])
                tried.add((name, name in in_path))
    assert tried >= {(name, True) for name in theirs}
