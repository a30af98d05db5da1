"""A partner's requests by HTTP: what was refused too, what was sent, and how much of the limit is used."""

from datetime import UTC, datetime, timedelta

import pytest
import requests

from tests.support.dialing import eventually
from tests.support.management import Client, operator, partner
from tests.support.squadiq import Sender
from tests.support.stack import Hub

TRANSFER = "/api/leads/partner-transfer"


@pytest.fixture(scope="module")
def admin(hub: Hub) -> Client:
    return operator(hub)


def test_a_partner_sees_what_it_sent_and_why_it_was_refused(hub: Hub, admin: Client) -> None:
    made = hub.partner(rate_limit=10)
    own = partner(hub, made)
    phone = hub.number()
    good = hub.post(TRANSFER, made["key"], {"leads": [{"name": "Ann Lee", "phone": phone}]})
    bad = hub.post(TRANSFER, made["key"], {"leads": "none"})
    assert (good.status_code, bad.status_code) == (200, 400)
    eventually(lambda: len(own.get("/requests")["data"]) == 2)
    newest, oldest = own.get("/requests")["data"]
    assert (newest["request_id"], newest["status"]) == (bad.headers["X-Request-Id"], 400)
    assert (oldest["request_id"], oldest["created"]) == (good.headers["X-Request-Id"], 1)
    assert [each["status"] for each in own.get("/requests", refused=True)["data"]] == [400]
    assert own.get("/requests", status=200)["data"] == [oldest]
    assert own.get("/requests", since=(datetime.now(UTC) + timedelta(hours=1)).isoformat())["data"] == []
    shown = own.get(f"/requests/{newest['request_id']}")
    assert shown["reasons"][0]["reason"]
    assert phone in own.get(f"/requests/{oldest['request_id']}")["body"]
    assert admin.get("/requests", partner_id=made["id"])["data"] == [newest, oldest]
    usage = own.get("/usage")
    assert (usage["limit"], usage["used"], usage["days"][0]["requests"]) == (10, 1, 2)
    assert admin.get(f"/partners/{made['id']}/usage") == usage
    assert admin("GET", "/partners/999999999999/usage").status_code == 404


def test_an_operator_sees_what_was_sent_only_by_leaving_a_row(hub: Hub, admin: Client) -> None:
    made, phone = hub.partner(), hub.number()
    sent = hub.post(TRANSFER, made["key"], {"leads": [{"name": "Ann Lee", "phone": phone}]})
    path = f"/requests/{sent.headers['X-Request-Id']}"
    shown = admin.get(path)
    assert (shown["contents"], shown["body"], shown["answer"]) == ("kept", None, None)
    assert admin.get("/audit", action="request.reveal", partner_id=made["id"])["data"] == []
    assert phone in admin.post(path + "/reveal")["body"]
    [change] = admin.get("/audit", action="request.reveal", partner_id=made["id"])["data"]
    assert change["subject_id"] == sent.headers["X-Request-Id"]


def test_an_api_that_masks_numbers_masks_them_in_what_was_sent(hub: Hub) -> None:
    made = hub.partner("squadiq")
    Sender(hub, made).create("a7")
    own = partner(hub, made)
    [request] = own.get("/requests")["data"]
    body = own.get(f"/requests/{request['request_id']}")["body"]
    assert '"a7"' in body
    assert "xxxxxxxxxx" in body
    [(number,)] = hub.query("SELECT count(*) FROM lead WHERE partner_id = $1", made["id"])
    assert number == 1
    url = f"{hub.url}/api/v4/leads/create/{made['campaign_id']}/"
    broken = requests.post(url, b'[{"phone_number": "+919840012345"', headers=_bearer(made), timeout=30)
    assert broken.status_code == 400
    path = f"/requests/{broken.headers['X-Request-Id']}"
    eventually(lambda: own("GET", path).status_code == 200)
    assert own.get(path)["body"] is None


def _bearer(made: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {made['token']}"}


def test_the_status_says_how_the_hub_is_doing(admin: Client) -> None:
    status = admin.get("/status")
    assert status["level"] in {"ok", "late", "wrong"}
    assert status["checks"]
    assert {"webhooks", "leads"} <= {worker["role"] for worker in status["workers"]}


def test_no_cache_keeps_what_a_key_was_answered(hub: Hub) -> None:
    made = hub.partner()
    own = partner(hub, made)
    answers = [own("GET", "/requests"), hub.post(TRANSFER, made["key"], {"leads": []})]
    assert [answer.headers["Cache-Control"] for answer in answers] == ["no-store"] * 2
