"""Leads by HTTP: found by whatever is known of them, told of, acted upon; each partner its own."""

from typing import Any

import pytest

from tests.support.dialing import Dialer, eventually
from tests.support.management import Client, operator, partner, without_request_id
from tests.support.squadiq import Sender
from tests.support.stack import Hub

TRANSFER = "/api/leads/partner-transfer"


@pytest.fixture(scope="module")
def admin(hub: Hub) -> Client:
    return operator(hub)


class Submitted:
    """A partner and a lead of theirs, with what found it."""

    def __init__(self, hub: Hub) -> None:
        self.partner = hub.partner()
        self.phone = hub.number()
        self.email = f"ann.{self.phone[1:]}@example.com"
        body = {"leads": [{"name": "Ann Lee", "phone": self.phone, "email": self.email}]}
        answer = hub.post(TRANSFER, self.partner["key"], body)
        self.request_id = answer.headers["X-Request-Id"]
        [(self.id,)] = hub.query("SELECT id FROM lead WHERE partner_id = $1", self.partner["id"])


def ids(listed: dict[str, Any]) -> list[int]:
    return [lead["id"] for lead in listed["data"]]


def test_a_lead_is_found_by_whatever_is_known_of_it(hub: Hub, admin: Client) -> None:
    lead = Submitted(hub)
    local = f"0{lead.phone[3:7]} {lead.phone[7:]}"
    own = partner(hub, lead.partner)
    for known in (
        {"phone": lead.phone},
        {"phone": local, "region": "GB"},
        {"email": lead.email.upper()},
        {"request_id": lead.request_id},
        {"lead_id": lead.id},
    ):
        for by in (admin, own):
            assert ids(by.get("/leads", **known)) == [lead.id], known
            assert ids(by.post("/leads/search", known)) == [lead.id], known
    assert lead.phone not in str(admin.get("/leads", lead_id=lead.id))
    assert admin.get("/leads", lead_id=lead.id, partner_id=lead.partner["id"] + 1)["data"] == []


def test_a_search_that_means_nothing_names_the_field(admin: Client) -> None:
    for body, field in (
        ({"phone": "call me"}, "phone"),
        ({"colour": "red"}, "colour"),
        ({"lead_id": 2**63}, "lead_id"),
        ({"limit": 201}, "limit"),
        ({"email": "\0"}, None),  # no JSON that is taken
        ({"partner_id": "mine"}, "partner_id"),
        ([], "body"),
    ):
        answer = admin("POST", "/leads/search", json=body)
        assert (answer.status_code, without_request_id(answer).get("field")) == (400, field), body


def test_a_story_tells_how_a_lead_stands_and_its_sender_sees_the_same(hub: Hub, admin: Client) -> None:
    lead = Submitted(hub)
    eventually(lambda: admin.get(f"/leads/{lead.id}")["state"] == "calling")
    story = admin.get(f"/leads/{lead.id}")
    assert (story["request_id"], story["row"], story["partner_id"]) == (lead.request_id, 0, lead.partner["id"])
    assert story["now"]["text"]
    assert len(story["timeline"]) > 1
    own = partner(hub, lead.partner).get(f"/leads/{lead.id}")
    assert [entry["what"] for entry in own["timeline"]] == [entry["what"] for entry in story["timeline"]]
    for told in (story, own):
        assert lead.phone not in str(told)
        assert "Ann Lee" not in str(told)


def test_a_stopped_lead_is_not_called_and_who_stopped_it_is_kept(hub: Hub, admin: Client) -> None:
    lead = Submitted(hub)
    dialer = Dialer(hub, lead.partner)
    assert admin.post(f"/leads/{lead.id}/stop")["state"] == "disabled"
    assert admin.post(f"/leads/{lead.id}/stop")["state"] == "disabled"
    assert lead.id not in {call["lead_id"] for call in dialer.lease(most=10, wait=1)}
    [change] = admin.get("/audit", action="lead.stop", subject_id=lead.id)["data"]
    assert (change["partner_id"], change["actor"]) == (lead.partner["id"], f"operator:{admin.key.split('_')[2]}")
    refused = admin("POST", f"/leads/{lead.id}/call-now")
    assert (refused.status_code, without_request_id(refused)["field"]) == (409, "lead_id")


def test_a_lead_that_waits_is_called_now(hub: Hub, admin: Client) -> None:
    made = hub.partner("comunik8")
    body = {"first_name": "Ann", "surname": "Lee", "email": "ann@example.com", "mobile": hub.number()}
    answer = hub.post("/lead/add", made["key"], {**body, "type": made["type"], "delays": 3600})
    assert answer.json() == {"saved": True, "processed": True}
    [lead] = ids(partner(hub, made).get("/leads"))
    assert admin.post(f"/leads/{lead}/call-now")["id"] == lead
    eventually(lambda: admin.get(f"/leads/{lead}")["state"] == "calling")


def test_who_reveals_a_lead_is_kept(hub: Hub, admin: Client) -> None:
    lead = Submitted(hub)
    assert lead.phone in str(admin.post(f"/leads/{lead.id}/reveal")["person"])
    [change] = admin.get("/audit", subject_id=lead.id, action="lead.reveal")["data"]
    assert change["details"] == {}
    admin.post(f"/leads/{lead.id}/erase")
    assert admin("POST", f"/leads/{lead.id}/reveal").status_code == 409


def test_a_partner_finds_its_leads_by_its_own_id_and_nobody_elses(hub: Hub, admin: Client) -> None:
    first, second = hub.partner("squadiq"), hub.partner("squadiq")
    for made in (first, second):
        Sender(hub, made).create("a")
    theirs = [partner(hub, made).get("/leads", reference="a") for made in (first, second)]
    assert [len(found["data"]) for found in theirs] == [1, 1]
    assert ids(theirs[0]) != ids(theirs[1])
    assert set(ids(admin.get("/leads", reference="a"))) >= {*ids(theirs[0]), *ids(theirs[1])}
    [stranger] = ids(theirs[1])
    own = partner(hub, first)
    assert own.get("/leads", lead_id=stranger)["data"] == []
    assert own("GET", f"/leads?partner_id={second['id']}").json()["field"] == "partner_id"
