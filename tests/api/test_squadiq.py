"""SquadIQ's Leads v4 as its clients meet it."""

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.support.clients import SAMPLES
from tests.support.dialing import Dialer, eventually
from tests.support.squadiq import Sender
from tests.support.stack import Hub

FILES = sorted((SAMPLES / "squadiq").glob("*.json"))
NOT_FOUND = {"detail": "Lead not found"}
DISABLED, CONVERTED = ("disabled", "disabled by its sender"), ("disabled", "converted by its sender")


@pytest.fixture
def sender(hub: Hub) -> Sender:
    return Sender(hub, hub.partner("squadiq"))


@pytest.fixture
def dialer(hub: Hub, sender: Sender) -> Dialer:
    return Dialer(hub, sender.partner)


@pytest.mark.parametrize("sample", FILES, ids=lambda path: path.stem)
@pytest.mark.usefixtures("dialer")
def test_every_sample_gets_the_answer_written_beside_it(sender: Sender, sample: Path) -> None:
    case = json.loads(sample.read_text(encoding="utf-8"))
    for before in case["before"]:
        assert sender.send(before["operation"], before["request"]).ok
    answer = sender.send(case["operation"], case["request"])
    assert {"status": answer.status_code, "body": answer.json()} == case["answer"]


@pytest.mark.parametrize("operation", ["create", "responses", "disable", "delete", "update", "convert"])
def test_what_the_token_does_not_open_is_forbidden(hub: Hub, sender: Sender, operation: str) -> None:
    other = hub.partner("squadiq")
    method = {"responses": "GET", "update": "PATCH"}.get(operation, "POST")

    def answer(campaign: str, **headers: str) -> requests.Response:
        url = f"{hub.url}/api/v4/leads/{operation}/{campaign}/"
        return requests.request(method, url, json={"lead_id": "1"}, headers=headers, timeout=30)

    mine = {"Authorization": f"Bearer {sender.partner['token']}"}
    foreign, nowhere = answer(other["campaign_id"], **mine), answer("nowhere", **mine)
    assert (foreign.status_code, foreign.content) == (nowhere.status_code, nowhere.content)
    assert foreign.status_code == 403
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": f"Basic {sender.partner['token']}"}):
        refused = answer(sender.partner["campaign_id"], **headers)
        assert (refused.status_code, list(refused.json())) == (403, ["detail"])


def test_one_bad_row_and_nothing_is_stored(sender: Sender) -> None:
    assert sender.send("create", [sender.lead("a"), sender.lead("b", phone_number="12")]).status_code == 400
    sender.create("c")
    assert sender.send("create", [sender.lead("a"), sender.lead("c")]).status_code == 400
    assert len(sender.rows()) == 1
    sender.create("a", "b")


def test_of_two_racing_creates_one_wins_whole(hub: Hub, sender: Sender) -> None:
    batches = [[sender.lead(f"{batch}-{n}") for n in range(5)] + [sender.lead("shared")] for batch in range(6)]
    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda batch: sender.send("create", batch).status_code, batches))
    assert sorted(statuses) == [201, 400, 400, 400, 400, 400]
    assert len(sender.rows()) == 6
    orphans = "SELECT count(*) FROM contact LEFT JOIN lead ON lead.id = lead_id WHERE lead.id IS NULL"
    assert hub.query(orphans) == [(0,)]


def test_a_campaign_may_require_custom_fields(hub: Hub, sender: Sender) -> None:
    hub.query("UPDATE campaign SET required_fields = '{policy}' WHERE partner_id = $1", sender.partner["id"])
    refused = sender.send("create", [sender.lead("a"), sender.lead("b", policy=" "), sender.lead("c", policy="x")])
    said = [(fault["index"], fault["field"], fault["message"]) for fault in refused.json()["errors"]]
    assert said == [(0, "policy", "is required"), (1, "policy", "must not be blank: the campaign requires it")]
    sender.create("c", policy="x")
    assert sender.send("update", {"lead_id": "c", "policy": ""}).status_code == 400


def test_the_dialer_gets_the_number_and_every_field(sender: Sender, dialer: Dialer) -> None:
    number = sender.number()
    sent = sender.lead(7, phone_number=number, city="Chennai", cars=[1, {"make": "Tata"}], name="shadow")
    assert sender.send("create", sent).json() == {"created": 1, "lead_ids": ["7"]}
    [call] = dialer.lease()
    given = call["person"]["given"]
    assert (call["person"]["phone"], call["person"]["name"], call["language"]) == (number, "John Doe", "hi")
    assert (given["city"], given["cars"], given["lead_id"]) == ("Chennai", [1, {"make": "Tata"}], "7")
    assert number not in sender.responses(lead_id="7").text


@pytest.mark.parametrize(("operation", "state"), [("disable", DISABLED), ("convert", CONVERTED)])
def test_a_stopped_lead_is_not_called(sender: Sender, dialer: Dialer, operation: str, state: tuple[str, str]) -> None:
    sender.create("a")
    eventually(lambda: sender.rows() == [("calling", None)])
    assert sender.send(operation, {"lead_id": "a", "detail": "policy_sold"}).ok
    assert sender.rows() == [state]
    assert dialer.lease(wait=1) == []


def test_a_call_under_way_is_heard_to_its_end_and_is_the_last(sender: Sender, dialer: Dialer) -> None:
    sender.create("a")
    [call] = dialer.lease()
    assert sender.send("disable", [{"lead_id": "a"}]).status_code == 201
    assert dialer.report(call, "no_answer").json()["lead_state"] == "done"
    assert dialer.lease(wait=1) == []
    assert [lead["lead_outcome"] for lead in sender.results()] == ["Not Connected : No Answer"]


def test_one_unknown_lead_and_none_is_disabled(sender: Sender, dialer: Dialer) -> None:
    sender.create("a")
    assert sender.send("disable", [{"lead_id": "a"}, {"lead_id": "b"}]).status_code == 400
    assert len(dialer.lease()) == 1


def test_an_update_merges_and_moves_the_waiting_call(sender: Sender, dialer: Dialer) -> None:
    sender.create("a", city="Chennai", policy="x")
    eventually(lambda: sender.rows() == [("calling", None)])
    number = sender.number()
    assert sender.send("update", {"lead_id": "a", "phone_number": number, "city": "Madurai"}).status_code == 200
    [call] = dialer.lease()
    given = call["person"]["given"]
    assert (call["person"]["phone"], given["city"], given["policy"]) == (number, "Madurai", "x")
    assert dialer.lease(wait=1) == []
    assert dialer.report(call, "interested").ok


def test_an_update_of_the_location_moves_the_waiting_calls_hours(hub: Hub, sender: Sender, dialer: Dialer) -> None:
    sender.create("a")
    eventually(lambda: sender.rows() == [("calling", None)])
    assert sender.send("update", {"lead_id": "a", "timezone": "Asia/Dubai", "phone_number": None}).status_code == 200
    assert hub.query("SELECT zones FROM lead WHERE partner_id = $1", sender.partner["id"]) == [(["Asia/Dubai"],)]
    [call] = dialer.lease()
    assert call["person"]["given"]["timezone"] == "Asia/Dubai"
    states = "SELECT call.state FROM call JOIN lead ON lead.id = lead_id WHERE lead.partner_id = $1 ORDER BY call.id"
    assert hub.query(states, sender.partner["id"]) == [("withdrawn",), ("leased",)]


def test_an_update_during_a_call_counts_for_the_next(hub: Hub, sender: Sender, dialer: Dialer) -> None:
    policy = json.dumps({"spacing": {"no_answer": 0}})
    hub.query("UPDATE campaign SET policy = $1 WHERE partner_id = $2", policy, sender.partner["id"])
    sender.create("a")
    [call] = dialer.lease()
    number = sender.number()
    assert sender.send("update", {"lead_id": "a", "phone_number": number}).ok
    assert dialer.report(call, "no_answer").json()["lead_state"] == "scheduled"
    [again] = dialer.lease()
    assert (call["person"]["phone"] != number, again["person"]["phone"] == number) == (True, True)


def test_after_an_erasure_the_lead_is_unknown(sender: Sender, dialer: Dialer) -> None:
    sender.create("a")
    [call] = dialer.lease()
    assert sender.send("delete", {"lead_id": "a"}).status_code == 202
    for operation in ("delete", "update", "convert"):
        answer = sender.send(operation, {"lead_id": "a", "detail": "x"})
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
    assert sender.send("disable", {"lead_id": "a"}).status_code == 400
    assert sender.results(lead_id="a") == []
    late = dialer.report(call, "interested", responses={"name": "John Doe"})
    assert late.status_code == 409
    assert sender.rows() == [("erased", "erased by its sender")]
    assert sender.results() == []


def test_an_erased_id_may_be_created_anew(sender: Sender, dialer: Dialer) -> None:
    sender.create("a")
    assert sender.send("delete", {"lead_id": "a"}).ok
    sender.create("a")
    assert sender.send("delete", {"lead_id": "a"}).ok
    sender.create("a", city="Madurai")
    [call] = dialer.lease()
    assert call["person"]["given"]["city"] == "Madurai"
    dialer.report(call, "interested")
    assert len(sender.results(lead_id="a")) == 1


def test_a_replay_of_what_was_erased_brings_nothing_back(sender: Sender) -> None:
    lead = sender.lead("a")
    created = {"Idempotency-Key": "create-a"}
    first, again = sender.send("create", lead, **created), sender.send("create", lead, **created)
    assert first.content == again.content
    update = {"lead_id": "a", "city": "Madurai"}
    assert sender.send("update", update, **{"Idempotency-Key": "update-a"}).ok
    deleted = [sender.send("delete", {"lead_id": "a"}, **{"Idempotency-Key": "delete-a"}) for _ in range(2)]
    assert [(answer.status_code, answer.json()) for answer in deleted] == [(202, {"lead_id": "a"})] * 2
    for operation, body, key in (("create", lead, "create-a"), ("update", update, "update-a")):
        answer = sender.send(operation, body, **{"Idempotency-Key": key})
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
    assert sender.rows() == [("erased", "erased by its sender")]


@pytest.mark.parametrize("operation", ["disable", "delete"])
def test_a_stop_races_the_due_timer_and_the_lease(sender: Sender, dialer: Dialer, operation: str) -> None:
    """60 leads, each stopped around the moment in which its call is placed: no lease begins after the answer."""
    answered, leased, over = set[str](), list[tuple[str, bool]](), threading.Event()

    def keep_leasing() -> None:
        while not over.is_set():
            before = set(answered)
            over.wait(0.15)  # slow enough that some are stopped first
            ids = [call["person"]["given"]["lead_id"] for call in dialer.lease(most=1, wait=0.2)]
            leased.extend((lead_id, lead_id in before) for lead_id in ids)

    def create_and_stop(number: int) -> None:
        lead_id = f"lead-{number}"
        sender.create(lead_id)
        over.wait(random.Random(number).uniform(0, 0.3))  # noqa: S311 - the same moments each time
        assert sender.send(operation, {"lead_id": lead_id}).ok
        answered.add(lead_id)

    taker = threading.Thread(target=keep_leasing)
    taker.start()
    try:
        with ThreadPoolExecutor(12) as pool:
            list(pool.map(create_and_stop, range(60)))
        assert dialer.lease(wait=1) == []
    finally:
        over.set()
        taker.join()
    assert [lead_id for lead_id, late in leased if late] == []
    assert 0 < len(leased) < 60, "the race was none"
