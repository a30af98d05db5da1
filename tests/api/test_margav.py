"""Margav's dialer API as a dialer meets it."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from pytest_httpserver import HTTPServer

from tests.support.clients import SAMPLES
from tests.support.dialing import eventually
from tests.support.stack import Hub

FILES = sorted((SAMPLES / "margav").glob("*.json"))
PATH = "/api/leads/from-dialer/"
JOHN = {"user": "agent1", "lead_id": "DIALER_1", "full_name": "John Smith", "phone": "+442079460958"}


@pytest.fixture
def partner(hub: Hub) -> dict[str, Any]:
    """With agent1, who is vicidial_user_123, agent2 and agent3."""
    return hub.partner("margav")


def post(hub: Hub, partner: dict[str, Any], body: Any) -> requests.Response:
    return requests.post(hub.url + PATH, json=body, headers={"X-Dialer-Api-Key": partner["key"]}, timeout=30)


def take(hub: Hub, partner: dict[str, Any], **body: Any) -> dict[str, Any]:
    answer = post(hub, partner, body)
    assert answer.status_code == 201, answer.text
    said: dict[str, Any] = answer.json()
    return said


@pytest.mark.parametrize("sample", FILES, ids=lambda path: path.stem)
def test_every_sample_gets_the_answer_written_beside_it(hub: Hub, partner: dict[str, Any], sample: Path) -> None:
    case = json.loads(sample.read_text(encoding="utf-8"))
    for before in case["before"]:
        assert post(hub, partner, before).status_code == 201
    answer = post(hub, partner, case["request"])
    said = answer.json()
    if "lead" in said:
        url = said.pop("redirect_url")
        assert url.startswith(f"{hub.url}/agent-dashboard?from_dialer=true&lead_id={said['lead'].pop('id')}")
        for moment in ("created_at", "updated_at"):
            assert said["lead"].pop(moment).endswith("Z")
    assert {"status": answer.status_code, "body": said} == case["answer"]


def test_created_then_updated_and_blanks_overwrite_nothing(hub: Hub, partner: dict[str, Any]) -> None:
    created = take(hub, partner, **JOHN, city="London")
    updated = take(hub, partner, **(JOHN | {"full_name": "", "user": "agent2"}), city=None, rank=3)
    assert created["message"] == "Lead created successfully"
    assert updated["message"] == "Lead updated successfully"
    assert updated["lead"]["id"] == created["lead"]["id"]
    assert (updated["lead"]["full_name"], updated["lead"]["city"]) == ("John Smith", "London")
    assert updated["lead"]["assigned_agent_username"] == "agent2"
    assert "full_name=John%20Smith&phone=%2B442079460958" in updated["redirect_url"]


def test_the_phone_finds_a_lead_only_without_another_dialer_id(hub: Hub, partner: dict[str, Any]) -> None:
    first = take(hub, partner, **(JOHN | {"lead_id": ""}))["lead"]["id"]
    assert take(hub, partner, **JOHN)["lead"]["id"] == first
    assert take(hub, partner, **(JOHN | {"lead_id": "DIALER_2"}))["lead"]["id"] != first


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"full_name": "John"}, 400, "Missing required fields: user"),
        ({"user": "nobody"}, 404, "Agent with username 'nobody' not found"),
        ({"dialer_user_id": "x"}, 404, "Agent with dialer_user_id 'x' not found"),
    ],
)
def test_refusals(hub: Hub, partner: dict[str, Any], body: dict[str, Any], status: int, error: str) -> None:
    answer = post(hub, partner, body)
    assert (answer.status_code, answer.json()) == (status, {"error": error})


def test_a_nul_in_an_agents_name_is_refused(hub: Hub, partner: dict[str, Any]) -> None:
    assert post(hub, partner, {"user": "a\0b"}).status_code in {400, 404}


def test_without_its_key_nobody_is_heard(hub: Hub, partner: dict[str, Any]) -> None:
    answer = post(hub, partner | {"key": "wrong"}, JOHN)
    assert answer.status_code == 401
    assert set(answer.json()) == {"error"}


def test_racing_reports_make_one_lead(hub: Hub, partner: dict[str, Any]) -> None:
    with ThreadPoolExecutor(6) as pool:
        taken = list(pool.map(lambda _: take(hub, partner, **JOHN), range(6)))
    assert len({said["lead"]["id"] for said in taken}) == 1
    assert sorted(said["message"] for said in taken).count("Lead created successfully") == 1


def test_a_vendor_id_that_is_no_call_is_only_kept(hub: Hub, partner: dict[str, Any]) -> None:
    for vendor_id in ("VENDOR_001", "99999999999999999999", "-1", "0"):
        assert take(hub, partner, user="agent1", vendor_id=vendor_id)["lead"]["vendor_id"] == vendor_id


def test_other_tenants_leads_and_agents_are_not_met(hub: Hub, partner: dict[str, Any]) -> None:
    other = hub.partner("margav")
    hub.query("UPDATE agent SET username = 'alien' WHERE partner_id = $1 AND username = 'agent3'", other["id"])
    first = take(hub, partner, **JOHN)["lead"]
    assert take(hub, other, **JOHN)["lead"]["id"] != first["id"]
    assert post(hub, partner, {"user": "alien"}).status_code == 404


def test_an_erased_lead_is_not_met_again(hub: Hub, partner: dict[str, Any]) -> None:
    first = take(hub, partner, **JOHN)["lead"]["id"]
    hub.query("UPDATE contact SET wrapped_key = NULL, sealed = NULL WHERE lead_id = $1", first)
    hub.query("UPDATE lead SET dedupe_key = NULL, phone_hash = NULL, state = 'erased' WHERE id = $1", first)
    assert take(hub, partner, **JOHN)["lead"]["id"] != first


def test_a_key_works_from_its_addresses_alone(hub: Hub, partner: dict[str, Any]) -> None:
    hub.query("UPDATE api_key SET cidrs = '{203.0.113.0/24}' WHERE partner_id = $1", partner["id"])
    refused = post(hub, partner, JOHN)
    assert (refused.status_code, list(refused.json())) == (403, ["error"])


def test_the_limit_holds(hub: Hub, partner: dict[str, Any]) -> None:
    hub.query("UPDATE partner SET rate_limit = 1 WHERE id = $1", partner["id"])
    assert [post(hub, partner, JOHN).status_code for _ in range(2)] == [201, 429]


def test_an_idempotency_key_gives_the_first_answer_again(hub: Hub, partner: dict[str, Any]) -> None:
    headers = {"X-Dialer-Api-Key": partner["key"], "Idempotency-Key": "click-1"}
    answers = [requests.post(hub.url + PATH, json=JOHN, headers=headers, timeout=30).content for _ in range(2)]
    assert answers[0] == answers[1]


def test_events_tell_a_change(hub: Hub, partner: dict[str, Any]) -> None:
    with HTTPServer(host="127.0.0.1") as receiver:
        receiver.expect_request("/hook").respond_with_data("ok")
        hub.endpoint(partner["id"], receiver.url_for("/hook"))
        lead = take(hub, partner, **JOHN)["lead"]["id"]
        for _ in range(9):
            take(hub, partner, **JOHN)
        take(hub, partner, **JOHN, comments="call after six")
        take(hub, partner, **(JOHN | {"user": "agent2"}))
        eventually(lambda: len(receiver.log) == 4)
        told = sorted(json.loads(request.get_data())["type"] for request, _ in receiver.log)
        assert {json.loads(request.get_data())["data"]["lead_id"] for request, _ in receiver.log} == {lead}
    assert told == ["lead.created", "lead.interested", "lead.interested", "lead.interested"]


def test_leads_with_zeros_for_an_id_are_told_apart_by_their_phones(hub: Hub, partner: dict[str, Any]) -> None:
    first = take(hub, partner, **(JOHN | {"lead_id": "0"}))["lead"]
    other = take(hub, partner, **(JOHN | {"lead_id": 0, "phone": hub.number()}))["lead"]
    assert (first["dialer_lead_id"], other["dialer_lead_id"]) == (None, None)
    assert first["id"] != other["id"]
    assert take(hub, partner, **(JOHN | {"lead_id": "000"}))["lead"]["id"] == first["id"]


def test_a_phone_that_cannot_be_read_replaces_no_number(hub: Hub, partner: dict[str, Any]) -> None:
    take(hub, partner, **JOHN)
    updated = take(hub, partner, **(JOHN | {"phone": "same as before"}))
    assert updated["lead"]["phone"] == JOHN["phone"]
    alone = take(hub, partner, user="agent1", lead_id="DIALER_9", phone="ask the neighbour")["lead"]
    assert alone["phone"] == "ask the neighbour"
    assert hub.query("SELECT phone_hash, grade FROM lead WHERE id = $1", alone["id"]) == [(None, None)]


def test_an_agent_who_is_not_mapped_is_found_by_the_next_name(hub: Hub, partner: dict[str, Any]) -> None:
    names = {"dialer_user_id": "nobody", "user": "nobody either", "agent_username": "agent3"}
    assert take(hub, partner, **names)["lead"]["assigned_agent_username"] == "agent3"
    first = take(hub, partner, **(names | {"dialer_user_id": "vicidial_user_123"}))
    assert first["lead"]["assigned_agent_username"] == "agent1"


def test_the_redirect_url_stays_short(hub: Hub, partner: dict[str, Any]) -> None:
    texts = {"full_name": "Jos\u00e9 " * 500, "comments": "\U0001f600" * 3000, "email": "x" * 3000 + "@example.com"}
    answer = take(hub, partner, **(JOHN | texts))
    assert len(answer["redirect_url"]) < 2000
    assert answer["lead"]["full_name"] == texts["full_name"].strip()
