"""`hub lead`: what happened to a lead, by whom and why; how it stands; finding it by whatever is known."""

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from pytest_httpserver import HTTPServer

from tests.support.command import run_command
from tests.support.dialing import Dialer, eventually
from tests.support.squadiq import Sender
from tests.support.stack import Hub

Partner = dict[str, Any]
TRANSFER = "/api/leads/partner-transfer"


def cli(hub: Hub, *words: str) -> subprocess.CompletedProcess[str]:
    return run_command(*words, env={**os.environ, **hub.env, "COLUMNS": "80"})


def document(hub: Hub, *words: str) -> Any:
    done = cli(hub, *words, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def refused(hub: Hub, *words: str) -> str:
    done = cli(hub, *words, "--json")
    assert done.returncode == 2
    return str(json.loads(done.stdout)["error"])


def story(hub: Hub, lead: int) -> dict[str, Any]:
    found: dict[str, Any] = document(hub, "lead", "show", str(lead))
    return found


def steps(hub: Hub, lead: int) -> list[tuple[str, str]]:
    """What happened and by which kind of actor, without what is told of webhooks."""
    return [
        (entry["what"], entry["by"].partition(":")[0])
        for entry in story(hub, lead)["timeline"]
        if entry["what"].partition(".")[0] in {"lead", "call"}
    ]


def only_lead(hub: Hub, partner: Partner) -> int:
    [(lead,)] = hub.query("SELECT id FROM lead WHERE partner_id = $1", partner["id"])
    return int(lead)


def transferred(hub: Hub, partner: Partner, phone: str | None = None, **more: Any) -> int:
    """The id of the lead of a request with one row."""
    row = {"name": "Ann Lee", "phone": phone or hub.number(), "email": f"ann{hub.number()[1:]}@example.com", **more}
    answer = hub.post(TRANSFER, partner["key"], {"leads": [row]})
    assert answer.json()["created"] == 1, answer.text
    return only_lead(hub, partner)


def added(hub: Hub, partner: Partner, **more: Any) -> int:
    body = {"first_name": "Ann", "surname": "Lee", "email": "ann@example.com", "mobile": hub.number()}
    answer = requests.post(
        f"{hub.url}/lead/add?key={partner['key']}", json={**body, "type": partner["type"], **more}, timeout=30
    )
    assert answer.ok, answer.text
    return only_lead(hub, partner)


@pytest.fixture
def receiver() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1") as found:
        found.expect_request("/").respond_with_data("thanks")
        yield found


RECEIVED = ("lead.created", "partner")
PLACED = ("call.placed", "hub")
LEASED = ("call.leased", "dialer")
ENDED = ("call.ended", "dialer")
DONE = ("lead.done", "dialer")


def test_a_transferred_lead_is_told_from_request_to_delivery(hub: Hub, receiver: HTTPServer) -> None:
    partner = hub.partner()
    hub.endpoint(partner["id"], receiver.url_for("/"))
    dialer = Dialer(hub, partner)
    lead = transferred(hub, partner)
    [call] = dialer.lease(confirm_start=True)
    assert dialer.start(call).ok
    assert dialer.report(call, "interested").ok
    eventually(lambda: len([e for e in story(hub, lead)["timeline"] if e["what"] == "delivery.delivered"]) == 5)
    assert steps(hub, lead) == [RECEIVED, PLACED, LEASED, ("call.started", "dialer"), ENDED, DONE]
    told = story(hub, lead)
    timeline = told["timeline"]
    assert [entry["at"] for entry in timeline] == sorted(entry["at"] for entry in timeline)
    assert timeline[0]["request_id"] == told["request_id"]
    assert timeline[0]["by"] == f"partner:{partner['key'].split('_')[2]}"
    events = [entry["why"] for entry in timeline if entry["what"] == "event.recorded"]
    assert sorted(events) == ["call.completed", "call.scheduled", "lead.created", "lead.interested", "lead.processed"]
    attempts = [entry["text"] for entry in timeline if entry["what"] == "delivery.attempted"]
    assert len(attempts) == len(events)
    assert all("200 in" in text for text in attempts)
    assert (told["state"], told["outcome"], told["now"]["text"]) == ("done", "interested", "done: interested")
    assert told["phone"].startswith("+44x")
    assert told["name"] == "A. L."


def test_a_batch_and_a_redial_are_told_alike(hub: Hub) -> None:
    partner = hub.partner()
    dialer = Dialer(hub, partner)
    rows = [{"name": "Ann Lee", "phone": hub.number(), "email": "ann@example.com"} for _ in range(2)]
    assert hub.post(TRANSFER, partner["key"], {"leads": rows}).json()["created"] == 2
    call, _ = dialer.lease(2)
    assert dialer.report(call, "busy").ok
    redial = [RECEIVED, PLACED, LEASED, ENDED, ("lead.waiting", "dialer")]
    assert steps(hub, call["lead_id"])[: len(redial)] == redial
    told = story(hub, call["lead_id"])
    waits = told["timeline"][len(redial) - 1]
    assert (waits["why"], waits["until"]) == ("redial after busy", told["now"]["next_at"])


def test_a_report_of_margavs_dialer_is_told(hub: Hub) -> None:
    partner = hub.partner("margav")
    body = {"user": "agent1", "full_name": "Ann Lee", "phone": hub.number(), "lead_id": "V-1"}
    for _ in range(2):
        headers = {"X-Dialer-Api-Key": partner["key"]}
        assert requests.post(hub.url + "/api/leads/from-dialer/", json=body, headers=headers, timeout=30).ok
    assert steps(hub, only_lead(hub, partner)) == [RECEIVED, ("lead.done", "partner"), ("lead.updated", "partner")]


def test_what_a_squadiq_sender_does_is_told_with_its_request(hub: Hub) -> None:
    sender = Sender(hub, hub.partner("squadiq"))
    Dialer(hub, sender.partner)
    sender.create("a")
    lead = only_lead(hub, sender.partner)
    eventually(lambda: PLACED in steps(hub, lead))
    assert sender.send("update", {"lead_id": "a", "contact_name": "Bob"}).ok
    answer = sender.send("disable", [{"lead_id": "a"}])
    assert answer.ok
    assert sender.send("convert", {"lead_id": "a", "detail": "policy_sold"}).ok
    by = "partner"
    done = [("lead.updated", by), ("call.withdrawn", by), ("lead.disabled", by), ("lead.converted", by)]
    assert steps(hub, lead) == [RECEIVED, PLACED, *done]
    disabled = next(entry for entry in story(hub, lead)["timeline"] if entry["what"] == "lead.disabled")
    assert disabled["request_id"] == answer.headers["X-Request-Id"]
    assert disabled["text"] == f"disabled by its sender by request {answer.headers['X-Request-Id']}"


def test_a_comunik8_lead_waits_as_its_sender_asked_and_is_cancelled(hub: Hub) -> None:
    partner = hub.partner("comunik8")
    lead = added(hub, partner, delays=3600)
    now = story(hub, lead)["now"]
    assert now["text"].startswith("not called because: due")
    assert set(now["next_local"]) >= {"Europe/London"}
    body = {"mobile": document(hub, "lead", "show", str(lead), "--reveal")["revealed"]["person"]["phone"]}
    answer = requests.post(
        f"{hub.url}/lead/cancel?key={partner['key']}", json={**body, "type": partner["type"]}, timeout=30
    )
    assert answer.json() == {"cancelled": True}
    assert steps(hub, lead) == [RECEIVED, ("lead.waiting", "hub"), ("lead.cancelled", "partner")]


def test_a_refused_row_says_why_it_is_never_called(hub: Hub) -> None:
    lead = added(hub, hub.partner("comunik8"), type="none")
    assert steps(hub, lead) == [RECEIVED, ("lead.refused", "partner")]
    assert story(hub, lead)["now"]["text"] == "refused: Unknown Type"


def test_the_zones_of_a_whole_country_are_told_by_their_number(hub: Hub) -> None:
    lead = transferred(hub, hub.partner(), "+18005550199")
    zones = story(hub, lead)["zones"]
    assert len(zones) > 4
    assert f"{len(zones)}, from {zones[0]} to {zones[-1]}" in cli(hub, "lead", "show", str(lead)).stdout


def test_a_lead_that_waits_for_its_dialer_says_when_that_was_last_seen(hub: Hub) -> None:
    partner = hub.partner()
    dialer = Dialer(hub, partner)
    lead = transferred(hub, partner)
    eventually(lambda: PLACED in steps(hub, lead))
    told = story(hub, lead)["now"]["text"]
    assert told.startswith("call ")
    assert "is ready since" in told
    assert f"for dialer {dialer.id} (" in told
    assert told.endswith("last seen never")
    key = dialer.headers["Authorization"].split("_")[2]
    hub.query("UPDATE api_key SET last_used_at = '2026-01-02 10:02+00' WHERE id = $1", key)
    assert story(hub, lead)["now"]["text"].endswith("last seen at 2026-01-02 10:02 UTC")
    people = cli(hub, "lead", "show", str(lead)).stdout
    assert max(map(len, people.splitlines())) <= 80
    assert "is ready since" in people


def test_looking_at_a_lead_again_is_no_change_of_it(hub: Hub) -> None:
    lead = added(hub, hub.partner("comunik8"), delays=3600)
    before = steps(hub, lead)
    hub.query("UPDATE lead SET checked_at = now(), updated_at = now(), look_at = now() WHERE id = $1", lead)
    hub.query("UPDATE lead SET started = NOT started WHERE id = $1", lead)
    assert steps(hub, lead) == before
    hub.query("UPDATE lead SET why = 'by hand' WHERE id = $1", lead)
    assert steps(hub, lead) == [*before, ("lead.waiting", "hub")]


def test_a_lead_older_than_the_journal_is_told_by_its_rows(hub: Hub) -> None:
    partner = hub.partner()
    dialer = Dialer(hub, partner)
    lead = transferred(hub, partner)
    [call] = dialer.lease()
    assert dialer.report(call, "not_interested").ok
    hub.query("DELETE FROM journal WHERE lead_id = $1", lead)
    assert steps(hub, lead) == [RECEIVED, PLACED, LEASED, ENDED, ("lead.done", "hub")]


def test_do_not_call_names_the_dialer_and_is_found_by_the_number(hub: Hub) -> None:
    partner = hub.partner()
    dialer = Dialer(hub, partner)
    phone = hub.number()
    assert document(hub, "suppression", "check", phone) == {"suppressed": False, "entries": []}
    lead = transferred(hub, partner, phone)
    [call] = dialer.lease()
    for _ in range(2):
        assert dialer.report(call, "do_not_call").ok
    assert steps(hub, lead).count(("lead.suppressed", "dialer")) == 1
    national = "0" + phone.removeprefix("+44")
    found = document(hub, "suppression", "check", national, "--region", "GB")
    assert [(entry["partner"], entry["reason"]) for entry in found["entries"]] == [
        (partner["id"], "asked for it on a call")
    ]
    assert document(hub, "suppression", "check", phone, "--partner", str(hub.partner()["id"]))["suppressed"] is False
    assert "Not to be called for partner" in cli(hub, "suppression", "check", phone).stdout


@pytest.mark.parametrize("spelling", ["{e164}", "0{national}", "(0{national[:4]}) {national[4:]}"])
def test_a_lead_is_found_by_its_number_in_any_spelling(hub: Hub, spelling: str) -> None:
    phone = hub.number()
    lead = transferred(hub, hub.partner(), phone)
    national = phone.removeprefix("+44")
    parts = {"e164": phone, "national": national, "national[:4]": national[:4], "national[4:]": national[4:]}
    for name, value in parts.items():
        spelling = spelling.replace("{" + name + "}", value)
    [found] = document(hub, "lead", "find", "--phone", spelling, "--region", "GB")
    assert found["id"] == lead
    assert phone[3:] not in json.dumps(found)


def test_a_lead_is_found_by_every_id_that_anybody_has_of_it(hub: Hub, receiver: HTTPServer) -> None:
    partner = hub.partner("squadiq")
    sender = Sender(hub, partner)
    hub.endpoint(partner["id"], receiver.url_for("/"))
    sender.create("ref-1", "ref-2", email=f"ann.{partner['id']}@example.com")
    [(lead,), (other,)] = hub.query("SELECT id FROM lead WHERE partner_id = $1 ORDER BY id", partner["id"])
    [(event, delivery, request)] = hub.query(
        "SELECT public_id, delivery.id, request_id FROM event JOIN delivery ON event_id = event.id"
        " JOIN lead ON lead.id = event.lead_id JOIN submission ON submission.id = lead.submission_id"
        " WHERE lead.id = $1 AND type = 'lead.created'",
        lead,
    )
    for words, found in (
        (("--reference", "ref-1", "--partner", str(partner["id"])), [lead]),
        (("--reference", "ref-2", "--request", request), [other]),
        (("--mail", f"Ann.{partner['id']}@example.com"), [other, lead]),
        (("--request", request), [other, lead]),
        (("--event", event), [lead]),
        (("--delivery", str(delivery)), [lead]),
        (("--partner", str(partner["id"])), [other, lead]),
        (("--event", event, "--partner", str(hub.partner()["id"])), []),
    ):
        assert [each["id"] for each in document(hub, "lead", "find", *words)] == found, words


def test_what_can_not_be_searched_for_is_named(hub: Hub) -> None:
    assert refused(hub, "lead", "find").startswith("Say what is known")
    assert refused(hub, "lead", "find", "--phone", "nobody").startswith("--phone: ")
    assert refused(hub, "lead", "find", "--reference", "a\0b").startswith("--reference: ")
    assert refused(hub, "lead", "find", "--delivery", "0").startswith("--delivery: ")
    assert refused(hub, "lead", "show", "999999999999") == "LEAD_ID: there is no lead 999999999999."


def test_a_stopped_lead_is_called_no_more(hub: Hub) -> None:
    partner = hub.partner()
    dialer = Dialer(hub, partner)
    lead = transferred(hub, partner)
    eventually(lambda: PLACED in steps(hub, lead))
    assert document(hub, "lead", "stop", str(lead))["state"] == "disabled"
    assert dialer.lease(wait=0) == []
    assert steps(hub, lead)[-2:] == [("call.withdrawn", "operator"), ("lead.disabled", "operator")]
    assert "stopped by an operator" in document(hub, "lead", "stop", str(lead))["text"]
    audits = "SELECT action FROM audit WHERE subject_id = $1 AND partner_id = $2"
    assert hub.query(audits, str(lead), partner["id"]) == [("lead.stop",)]
    assert refused(hub, "lead", "call-now", str(lead)).startswith("LEAD_ID: it is disabled: stopped by an operator")


def test_a_waiting_lead_is_called_now(hub: Hub) -> None:
    partner = hub.partner("comunik8")
    dialer = Dialer(hub, partner)
    lead = added(hub, partner, delays=3600)
    assert document(hub, "lead", "call-now", str(lead))["text"].startswith("due now")
    [call] = dialer.lease()
    assert call["lead_id"] == lead
    assert ("lead.waiting", "operator") in steps(hub, lead)


def test_calling_now_keeps_to_the_rules(hub: Hub) -> None:
    partner = hub.partner("comunik8")
    lead = added(hub, partner, delays=3600)
    hub.query('UPDATE campaign SET policy = \'{"regions": ["US"]}\' WHERE partner_id = $1', partner["id"])
    text = document(hub, "lead", "call-now", str(lead))["text"]
    assert text == "it may never be called: region GB not allowed"
    eventually(lambda: steps(hub, lead)[-1] == ("lead.refused", "hub"))


def test_an_erased_lead_is_told_without_anything_personal(hub: Hub) -> None:
    partner = hub.partner("comunik8")
    lead = added(hub, partner, delays=3600)
    hub.query("UPDATE lead SET why = 'outside calling hours 08:00-21:00 in Europe/London' WHERE id = $1", lead)
    assert document(hub, "lead", "erase", str(lead))["id"] == lead
    told = story(hub, lead)
    assert "Europe/London" not in json.dumps(told)
    assert [told[name] for name in ("phone", "name", "email", "reference", "zones")] == [None, None, None, None, []]
    assert steps(hub, lead)[-1] == ("lead.erased", "operator")
    assert told["now"]["text"] == "erased: erased by an operator"
    assert refused(hub, "lead", "show", str(lead), "--reveal").startswith("LEAD_ID: it was erased")
    [(written,)] = hub.query("SELECT string_agg(to_jsonb(journal)::text, '') FROM journal WHERE lead_id = $1", lead)
    assert "London" not in written


def test_revealing_a_person_is_audited(hub: Hub) -> None:
    phone = hub.number()
    lead = transferred(hub, hub.partner(), phone)
    assert document(hub, "lead", "show", str(lead), "--reveal")["revealed"]["person"]["phone"] == phone
    audits = "SELECT action FROM audit WHERE subject_id = $1 AND action LIKE 'lead.%'"
    assert hub.query(audits, str(lead)) == [("lead.reveal",)]


def test_a_request_that_is_turned_down_whole_leaves_no_journal(hub: Hub) -> None:
    sender = Sender(hub, hub.partner("squadiq"))
    sender.create("a")
    [(before,)] = hub.query("SELECT count(*) FROM journal WHERE lead_id NOT IN (SELECT id FROM lead)")
    assert sender.send("create", [sender.lead("a"), sender.lead("b")]).status_code == 400
    assert hub.query("SELECT count(*) FROM journal WHERE lead_id NOT IN (SELECT id FROM lead)") == [(before,)]
    assert before == 0
