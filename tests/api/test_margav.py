"""Margav's dialer API as a dialer meets it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.stack import Hub

PATH = "/api/leads/from-dialer/"
JOHN = {"user": "agent1", "lead_id": "DIALER_1", "full_name": "John Smith", "phone": "+442079460958"}


@pytest.fixture
def partner(hub: Hub) -> dict[str, Any]:
    made = hub.partner("margav")
    insert = (
        "INSERT INTO agent (partner_id, username, name, dialer_user_id) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (partner_id, username) DO UPDATE SET name = $3, dialer_user_id = $4 RETURNING id"
    )
    hub.query(insert, made["id"], "agent1", "Agent One", "vicidial_1")
    hub.query(insert, made["id"], "agent2", "Agent Two", "vicidial_2")
    return made


def post(hub: Hub, partner: dict[str, Any], body: Any) -> requests.Response:
    return requests.post(hub.url + PATH, json=body, headers={"X-Dialer-Api-Key": partner["key"]}, timeout=30)


def take(hub: Hub, partner: dict[str, Any], **body: Any) -> dict[str, Any]:
    answer = post(hub, partner, body)
    assert answer.status_code == 201, answer.text
    said: dict[str, Any] = answer.json()
    return said


def test_created_then_updated_and_blanks_overwrite_nothing(hub: Hub, partner: dict[str, Any]) -> None:
    created = take(hub, partner, **JOHN, city="London")
    updated = take(hub, partner, **(JOHN | {"full_name": "", "dialer_user_id": "vicidial_2"}), city=None, rank=3)
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
