"""The affiliate API as shops meet it: every code, in the documented order, and the answers beside them."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.clients import SAMPLES
from tests.support.stack import Hub

PATH = "/api/v2/PartnerDiscountRequest"
FILES = sorted((SAMPLES / "leanpub").glob("*.json"))


@pytest.fixture
def partner(hub: Hub) -> dict[str, Any]:
    return hub.partner("leanpub")


def ask(hub: Hub, partner: dict[str, Any], *, key: str | None = None, **changes: Any) -> requests.Response:
    """The documented example by this partner, changed; `...` leaves a property out."""
    facts = {"partnerId": "partner_id", "origin": "origin", "productId": "product_id"}
    person = {"firstName": "John", "lastName": "Smith", "email": "john@example.com"}
    body = {name: partner[own] for name, own in facts.items()} | {"recipient": person} | changes
    sent = {name: value for name, value in body.items() if value is not ...}
    return requests.post(hub.url + PATH, json=sent, headers={"x-api-key": key or partner["key"]}, timeout=30)


def kept(hub: Hub, partner: dict[str, Any]) -> tuple[int, int]:
    """How many discount requests and accepted submissions of the partner are stored."""
    [found] = hub.query(
        "SELECT (SELECT count(*) FROM discount WHERE partner_id = $1), (SELECT count(*) FROM submission"
        " WHERE partner_id = $1 AND weight > 0)",
        partner["id"],
    )
    return found[0], found[1]


@pytest.mark.parametrize("sample", FILES, ids=lambda path: path.stem)
def test_every_sample_gets_the_answer_written_beside_it(hub: Hub, sample: Path) -> None:
    case = json.loads(sample.read_text(encoding="utf-8"))
    partner = hub.partner("leanpub", production_ready=case["production_ready"])
    hub.query("UPDATE partner SET public_id = NULL WHERE public_id = 'acme'")
    hub.query("UPDATE partner SET public_id = 'acme' WHERE id = $1", partner["id"])
    answer = requests.post(hub.url + PATH, json=case["request"], headers={"x-api-key": partner["key"]}, timeout=30)
    said, wanted = answer.json(), case["answer"]
    assert (answer.status_code, set(said)) == (wanted["status"], set(wanted["body"]))
    assert {**said, "requestId": "r-1"} == {**wanted["body"], "requestId": "r-1"}


@pytest.mark.parametrize("key", ["nonsense", "", "hub_partner_abcdefgh_0"])
def test_the_key_is_judged_before_everything_else(hub: Hub, partner: dict[str, Any], key: str) -> None:
    headers = {"x-api-key": key}
    answers = [
        requests.post(hub.url + PATH, data=body, headers=headers, timeout=30) for body in ("{}", "no json", "[]")
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(200, 403)}
    assert answers[0].json()["message"] == "Invalid API key"


def test_another_apis_key_opens_nothing(hub: Hub, partner: dict[str, Any]) -> None:
    assert ask(hub, partner, key=hub.partner("comunik8")["key"]).json()["code"] == 403


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", [PATH, PATH + "/"])
def test_any_other_method_gets_the_documented_answer(hub: Hub, method: str, path: str) -> None:
    answer = requests.request(method, hub.url + path, timeout=30)
    assert answer.status_code == 403
    if method != "HEAD":
        assert answer.json() == {"message": "Missing Authentication Token"}


def test_the_documented_curl_works_with_its_form_type(hub: Hub, partner: dict[str, Any]) -> None:
    recipient = {"firstName": "John", "lastName": "Smith", "email": "john@example.com"}
    facts = {"partnerId": partner["partner_id"], "origin": "shop.example.com", "productId": "foobar"}
    answer = requests.post(
        hub.url + PATH + "/",
        data=json.dumps({**facts, "recipient": recipient}),
        headers={"x-api-key": partner["key"], "Content-Type": "application/x-www-form-urlencoded"},
        timeout=30,
    )
    assert (answer.status_code, answer.json()["code"], answer.json()["message"]) == (200, 0, "OK")


def test_refusals_store_nothing(hub: Hub, partner: dict[str, Any]) -> None:
    assert ask(hub, partner, origin="elsewhere").json()["code"] == 404
    assert ask(hub, partner, sandboxMode=False).json()["code"] == 407
    assert ask(hub, partner, sandboxMode="false").status_code == 400
    assert kept(hub, partner) == (0, 0)


def test_the_limit_holds(hub: Hub, partner: dict[str, Any]) -> None:
    hub.query("UPDATE partner SET rate_limit = 1 WHERE id = $1", partner["id"])
    assert ask(hub, partner).json()["code"] == 0
    refused = ask(hub, partner)
    assert (refused.status_code, list(refused.json())) == (429, ["message"])
    assert refused.headers["Retry-After"]
    assert kept(hub, partner) == (1, 1)


def test_a_disabled_partner_is_turned_away(hub: Hub, partner: dict[str, Any]) -> None:
    hub.query("UPDATE partner SET disabled_at = now() WHERE id = $1", partner["id"])
    refused = ask(hub, partner)
    assert (refused.status_code, list(refused.json())) == (403, ["message"])


def test_what_is_stored_of_the_buyer_is_sealed(hub: Hub, partner: dict[str, Any]) -> None:
    person = {"firstName": "Zebedee", "lastName": "Quillfeather", "email": "zebedee@example.com"}
    assert ask(hub, partner, recipient=person, transactionId="T-quill").json()["code"] == 0
    tables = ("discount", "submission", "coupon", "event")
    rows = "".join(str(hub.query(f'SELECT * FROM "{table}"')) for table in tables)  # noqa: S608 - own tables
    assert [text for text in (*person.values(), "T-quill") if text in rows] == []
