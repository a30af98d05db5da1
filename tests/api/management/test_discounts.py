"""Discount requests by HTTP: their story, another run of a failed one; and who is on the do-not-call lists."""

from typing import Any

import pytest

from tests.support.command import run_command
from tests.support.dialing import eventually
from tests.support.management import Client, operator, partner, without_request_id
from tests.support.stack import Hub

ROUTE = "/api/v2/PartnerDiscountRequest"
OPERATORS_REASON = "the mail server refused the password"


@pytest.fixture(scope="module")
def admin(hub: Hub) -> Client:
    return operator(hub)


def requested(hub: Hub) -> tuple[dict[str, Any], str]:
    """A partner and the id of its sandbox request."""
    made = hub.partner("leanpub")
    body = {"partnerId": made["partner_id"], "origin": made["origin"], "productId": made["product_id"]}
    recipient = {"firstName": "John", "lastName": "Smith", "email": "john@example.com"}
    answer = hub.post(ROUTE, made["key"], {**body, "transactionId": "t1", "recipient": recipient}).json()
    assert answer["code"] == 0
    return made, answer["requestId"]


def test_a_failed_request_runs_again_and_tells_its_sender_no_operators_reason(hub: Hub, admin: Client) -> None:
    made, request_id = requested(hub)
    failed = "UPDATE discount SET state = 'failed', mail_state = 'none', why = $2 WHERE public_id = $1"
    hub.query(failed, request_id, OPERATORS_REASON)
    path = f"/discounts/{request_id}"
    story, own = admin.get(path), partner(hub, made).get(path)
    assert OPERATORS_REASON in story["now"]["text"]
    assert OPERATORS_REASON not in str(own)
    for told in (story, own):
        assert (told["transaction_id"], told["sandbox"], told["state"]) == ("t1", True, "failed")
        assert "john@example.com" not in str(told)

    def runs_again() -> bool:  # its own workflow may be at its mail just now, which then counts as doubtful
        hub.query(failed, request_id, OPERATORS_REASON)
        return admin("POST", path + "/retry").status_code == 200

    eventually(runs_again)
    again = admin("POST", path + "/retry", json={"mail_again": True})
    assert (again.status_code, without_request_id(again)["field"]) == (409, "request_id")
    wrong = admin("POST", path + "/retry", json={"mail_again": "perhaps"})
    assert (wrong.status_code, without_request_id(wrong)["field"]) == (400, "mail_again")
    change = admin.get("/audit", subject_id=request_id)["data"][0]
    assert (change["action"], change["partner_id"]) == ("discount.retry", made["id"])
    assert admin("GET", "/discounts/none").status_code == 404


def test_an_erased_request_tells_of_nobody(hub: Hub, admin: Client) -> None:
    _, request_id = requested(hub)
    erased = admin.post(f"/discounts/{request_id}/erase")
    assert erased["request_id"] == request_id
    story = admin.get(f"/discounts/{request_id}")
    assert (story["state"], story["name"], story["email"]) == ("erased", None, None)


def test_a_number_is_looked_up_on_the_lists_that_hold_for_a_partner(hub: Hub, admin: Client) -> None:
    phone, made = hub.number(), hub.partner()
    assert admin.post("/suppressions/check", {"phone": phone}) == {"suppressed": False, "entries": []}
    run_command("suppression", "add", phone, "--partner", str(made["id"]), "--reason", "asked us", env=hub.env)
    local = {"phone": f"0{phone[3:]}", "region": "GB"}
    found = admin.post("/suppressions/check", local)
    assert (found["suppressed"], found["entries"][0]["partner_id"]) == (True, made["id"])
    assert found["entries"][0]["reason"] == "asked us"
    assert admin.post("/suppressions/check", {**local, "partner_id": made["id"]})["suppressed"]
    assert not admin.post("/suppressions/check", {**local, "partner_id": hub.partner()["id"]})["suppressed"]
    for body, field in (({}, "phone"), ({"phone": "nobody"}, "phone"), ({**local, "list": 1}, "list")):
        refused = admin("POST", "/suppressions/check", json=body)
        assert (refused.status_code, without_request_id(refused)["field"]) == (400, field)
    assert operator(hub, read_only=True).post("/suppressions/check", local)["suppressed"], "it changes nothing"
