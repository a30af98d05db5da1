"""An operator erases a lead of any API, by command or by HTTP: nothing of the person stays, nobody calls any more."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import requests
from pytest_httpserver import HTTPServer
from temporalio.client import Client, WorkflowExecutionStatus

from tests.support.dialing import Dialer, eventually
from tests.support.operators import admin_key, command, document, post
from tests.support.retention import retain_until
from tests.support.squadiq import Sender
from tests.support.stack import Hub

Partner = dict[str, Any]
TRANSFER = "/api/leads/partner-transfer"


@pytest.fixture(scope="module")
def admin(hub: Hub) -> str:
    return admin_key(hub)


def transferred(hub: Hub, partner: Partner) -> None:
    """Twice the same number: the second request, a batch, only names it among others."""
    phone = hub.number()
    ann, bob = {"name": "Ann Lee", "phone": phone, "email": "ann@example.com"}, {"name": "Bob", "phone": hub.number()}
    assert hub.post(TRANSFER, partner["key"], {"leads": [ann]}).json()["created"] == 1
    again = hub.post(TRANSFER, partner["key"], {"leads": [bob, ann]}, **{"Idempotency-Key": phone})
    assert again.json()["skipped"] == 1


def reported(hub: Hub, partner: Partner) -> None:
    """Twice, and without an id of the dialer's: nothing makes this lead unique."""
    phone = hub.number()
    for more in ({}, {"comments": "calls back"}):
        body = {"user": "agent1", "full_name": "Ann Lee", "phone": phone, "email": "ann@example.com", **more}
        headers = {"X-Dialer-Api-Key": partner["key"]}
        assert requests.post(hub.url + "/api/leads/from-dialer/", json=body, headers=headers, timeout=30).ok


def created(hub: Hub, partner: Partner) -> None:
    Sender(hub, partner).create("a", email="ann@example.com")


def added(hub: Hub, partner: Partner) -> None:
    body = {"first_name": "Ann", "surname": "Lee", "email": "ann@example.com", "mobile": hub.number()}
    body |= {"type": partner["type"], "delays": 3600}
    answer = requests.post(f"{hub.url}/lead/add?key={partner['key']}", json=body, timeout=30)
    assert answer.json() == {"saved": True, "processed": True}


def refused(hub: Hub, partner: Partner) -> None:
    """Saved, of a type that does not exist."""
    body = {"first_name": "Ann", "surname": "Lee", "email": "ann@example.com", "mobile": hub.number(), "type": "none"}
    answer = requests.post(f"{hub.url}/lead/add?key={partner['key']}", json=body, timeout=30)
    assert answer.json()["error"] == "Unknown Type"


KINDS: dict[str, tuple[str, Callable[[Hub, Partner], None]]] = {
    "partner_api": ("partner_api", transferred),
    "margav": ("margav", reported),
    "squadiq": ("squadiq", created),
    "comunik8": ("comunik8", added),
    "comunik8 refused": ("comunik8", refused),
}


def lead_of(hub: Hub, partner: Partner) -> int:
    [row, *_] = hub.query("SELECT id FROM lead WHERE partner_id = $1 ORDER BY id", partner["id"])
    return int(row[0])


@pytest.mark.parametrize("by", ["http", "command"])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_of_a_lead_that_an_operator_erased(hub: Hub, admin: str, kind: str, by: str) -> None:
    api, submit = KINDS[kind]
    partner = hub.partner(api)
    with HTTPServer(host="127.0.0.1") as receiver:
        receiver.expect_request("/").respond_with_data("thanks")
        hub.endpoint(partner["id"], receiver.url_for("/"))
        submit(hub, partner)
        lead = lead_of(hub, partner)

        def erase() -> str:
            if by == "http":
                answer = post(hub, f"/v1/leads/{lead}/erase", admin)
                assert answer.status_code == 200, answer.text
                return str(answer.json()["erased_at"]).replace("Z", "+00:00")
            return str(document(command(hub, "lead", "erase", str(lead), "--json"))["erased_at"])

        moment = erase()
        deleted = "SELECT count(*) FROM event WHERE partner_id = $1 AND type = 'lead.deleted'"
        assert erase() == moment, "erasing again changes nothing"
        assert hub.query(deleted, partner["id"]) == [(1,)]

    assert hub.query("SELECT state, why FROM lead WHERE id = $1", lead) == [("erased", "erased by an operator")]
    hashes = "SELECT dedupe_key, phone_hash, region, language, zones, agent_id FROM lead WHERE id = $1"
    assert hub.query(hashes, lead) == [(None, None, None, None, [], None)]
    contact = "SELECT wrapped_key, sealed, responses, email_hash FROM contact WHERE lead_id = $1"
    assert hub.query(contact, lead) == [(None, None, None, None)]
    bodies = "SELECT count(*) FROM event WHERE lead_id = $1 AND body IS NOT NULL"
    assert hub.query(bodies, lead) == [(0,)]
    kept = "SELECT count(*) FROM submission WHERE partner_id = $1 AND coalesce(wrapped_key, body, answer) IS NOT NULL"
    assert hub.query(kept, partner["id"]) == [(0,)]
    eventually(lambda: asyncio.run(_open_workflows(hub, lead)) == [])


async def _open_workflows(hub: Hub, lead: int) -> list[str]:
    client = await Client.connect(hub.temporal)
    [(deployment,)] = hub.query("SELECT id FROM deployment")
    # Other tests' hubs, at the same Temporal, have leads of this id too.
    ours = [each async for each in client.list_workflows(f"HubLeadId = {lead}") if deployment in each.id]
    return [each.id for each in ours if each.status == WorkflowExecutionStatus.RUNNING]


def test_no_call_starts_after_the_erasure(hub: Hub, admin: str) -> None:
    partner = hub.partner()
    dialer = Dialer(hub, partner)
    transferred(hub, partner)
    lead = lead_of(hub, partner)
    eventually(lambda: hub.query("SELECT state FROM lead WHERE id = $1", lead) == [("calling",)])
    assert post(hub, f"/v1/leads/{lead}/erase", admin).ok
    assert lead not in {call["lead_id"] for call in dialer.lease(most=10, wait=1)}


def test_what_is_not_there_and_who_may_not(hub: Hub, admin: str) -> None:
    partner = hub.partner()
    transferred(hub, partner)
    lead = lead_of(hub, partner)
    for unknown in ("999999999999", "99999999999999999999", "0", "-1"):
        answer = post(hub, f"/v1/leads/{unknown}/erase", admin)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
        done = command(hub, "lead", "erase", "--", unknown)
        assert (done.returncode, "LEAD_ID: " in done.stderr) == (2, True)
    assert post(hub, "/v1/discounts/none%00/erase", admin).status_code == 404
    assert post(hub, "/v1/leads/one/erase", admin).status_code == 400
    done = command(hub, "discount", "erase", "none")
    assert (done.returncode, "REQUEST_ID" in done.stderr) == (2, True)
    for key in (partner["key"], hub.dialer_key(), "", "junk"):
        assert post(hub, f"/v1/leads/{lead}/erase", key).status_code == 401
    assert hub.query("SELECT state FROM lead WHERE id = $1", lead) != [("erased",)]


def test_do_not_call_is_kept_though_its_lead_was_erased_during_the_call(hub: Hub, admin: str) -> None:
    partner = hub.partner()
    dialer = Dialer(hub, partner)
    phone = hub.number()
    body = {"leads": [{"name": "Ann Lee", "phone": phone}]}
    assert hub.post(TRANSFER, partner["key"], body).ok
    [call] = dialer.lease()
    assert post(hub, f"/v1/leads/{call['lead_id']}/erase", admin).ok
    assert dialer.report(call, "interested").status_code == 409
    answer = dialer.report(call, "do_not_call")
    assert (answer.status_code, answer.json()["lead_state"]) == (200, "erased")

    hashed = hub.settings.vault().index("phone", phone)
    listed = "SELECT partner_id, reason FROM suppression WHERE phone_hash = $1"
    assert hub.query(listed, hashed) == [(partner["id"], "asked for it on a call")]
    assert hub.query("SELECT count(*) FROM erased_number WHERE phone_hash = $1", hashed) == [(0,)]
    assert hub.post(TRANSFER, partner["key"], body).json()["created"] == 1
    again = "SELECT state, why FROM lead WHERE phone_hash = $1"
    eventually(lambda: hub.query(again, hashed) == [("refused", "the number is on the do-not-call list")])


def test_a_number_is_kept_for_a_late_do_not_call_for_a_day_and_no_longer(hub: Hub, admin: str) -> None:
    partner = hub.partner()
    dialer = Dialer(hub, partner)
    transferred(hub, partner)
    calls = [call for _ in range(2) for call in dialer.lease()]
    assert dialer.report(calls[0], "answered").ok
    for call in calls:
        assert post(hub, f"/v1/leads/{call['lead_id']}/erase", admin).ok
    kept = "SELECT count(*) FROM erased_number WHERE call_id = $1"
    assert [hub.query(kept, call["id"]) for call in calls] == [[(0,)], [(1,)]], (
        "its dialer has said how the first ended"
    )
    held = "SELECT count(*) FROM call WHERE lead_id = $1 AND phone_hash IS NOT NULL"
    assert hub.query(held, calls[1]["lead_id"]) == [(0,)]
    hub.query("UPDATE erased_number SET created_at = now() - interval '1 day' WHERE call_id = $1", calls[1]["id"])
    asyncio.run(retain_until(hub.settings, lambda: hub.query(kept, calls[1]["id"]) == [(0,)]))
