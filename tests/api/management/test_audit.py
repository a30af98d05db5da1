"""What operators and partners change is kept: who, what, when, from where. Read in pages."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.management import Client, operator, partner
from tests.support.stack import Hub

TRANSFER = "/api/leads/partner-transfer"


@pytest.fixture(scope="module")
def admin(hub: Hub) -> Client:
    return operator(hub)


def leads(hub: Hub, count: int) -> tuple[dict[str, object], list[int]]:
    """A partner with so many leads, and their ids."""
    made = hub.partner()
    rows = [{"name": "Ann Lee", "phone": hub.number()} for _ in range(count)]
    assert hub.post(TRANSFER, made["key"], {"leads": rows}).json()["created"] == count
    return made, [row[0] for row in hub.query("SELECT id FROM lead WHERE partner_id = $1 ORDER BY id", made["id"])]


def test_an_operators_change_tells_who_what_when_and_from_where(hub: Hub, admin: Client) -> None:
    _, [lead] = leads(hub, 1)
    admin.post(f"/leads/{lead}/erase")
    [change] = admin.get("/audit", action="lead.erase", subject_id=lead)["data"]
    assert change["actor"] == f"operator:{admin.key.split('_')[2]}"
    assert change["address"] == "127.0.0.1"
    assert abs(datetime.now(UTC) - datetime.fromisoformat(change["at"])) < timedelta(minutes=5)


def test_what_is_refused_leaves_no_row(admin: Client) -> None:
    assert admin("POST", "/leads/999999999999/erase").status_code == 404
    assert admin.get("/audit", subject_id=999999999999)["data"] == []


def test_pages_hold_each_row_once_newest_first_while_rows_are_added(hub: Hub, admin: Client) -> None:
    by = operator(hub)
    actor = f"operator:{by.key.split('_')[2]}"
    _, ids = leads(hub, 6)
    for lead in ids[:5]:
        by.post(f"/leads/{lead}/erase")
    seen, page = [], admin.get("/audit", actor=actor, limit=2)
    by.post(f"/leads/{ids[5]}/erase")
    while True:
        seen += [int(change["subject_id"]) for change in page["data"]]
        if page["next"] is None:
            break
        page = admin.get("/audit", actor=actor, limit=2, cursor=page["next"])
    assert seen == ids[:5][::-1]


def test_an_idempotency_key_does_it_once_and_answers_the_same(hub: Hub, admin: Client) -> None:
    _, [lead, other] = leads(hub, 2)
    key = {"Idempotency-Key": f"erase {lead}"}
    first, again = (admin("POST", f"/leads/{lead}/erase", headers=key) for _ in range(2))
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert len(admin.get("/audit", subject_id=lead, action="lead.erase")["data"]) == 1
    assert admin("POST", f"/leads/{other}/erase", headers=key).status_code == 422
    assert operator(hub)("POST", f"/leads/{other}/erase", headers=key).status_code == 200, "another's key is another"
    missing = {"Idempotency-Key": "erase none"}
    assert [admin("POST", "/leads/0/erase", headers=missing).status_code for _ in range(2)] == [404, 404]
    unusable = admin("POST", f"/leads/{other}/erase", headers={"Idempotency-Key": "x" * 256})
    assert (unusable.status_code, unusable.json()["field"]) == (400, "Idempotency-Key")


def test_a_partner_sees_its_own_changes_alone(hub: Hub, admin: Client) -> None:
    made, [lead] = leads(hub, 1)
    admin.post(f"/leads/{lead}/erase")
    assert partner(hub, made).get("/audit") == {"data": [], "next": None}
