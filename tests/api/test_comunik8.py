"""Comunik8's Leads API as its clients meet it, with every documented fail state."""

import asyncio
import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import requests

from tests.support.clients import SAMPLES, run_client
from tests.support.dialing import Dialer, eventually
from tests.support.stack import Hub

FILES = sorted((SAMPLES / "comunik8").glob("*.json"))
ADDED = {"saved": True, "processed": True}
CANCELLED = {"cancelled": True}
PROCESSED = {"cancelled": False, "warning": "already processed"}
NOT_FOUND = {"cancelled": False, "warning": "not found"}
EXISTING = {"saved": True, "processed": False, "error": "Existing Contact"}


@pytest.fixture
def partner(hub: Hub) -> dict[str, Any]:
    return hub.partner("comunik8")


@pytest.fixture
def dialer(hub: Hub, partner: dict[str, Any]) -> Dialer:
    return Dialer(hub, partner)


def send(hub: Hub, partner: dict[str, Any], path: str, body: Any, **headers: str) -> requests.Response:
    """As the documented clients do: the key is in the query."""
    return requests.post(f"{hub.url}{path}?key={partner['key']}", json=body, headers=headers, timeout=30)


def person(mobile: str, **more: Any) -> dict[str, Any]:
    known = {"first_name": "John", "surname": "Doe", "email": "john@example.com", "type": "motor-trade"}
    return {**known, "mobile": mobile, **more}


def add(hub: Hub, partner: dict[str, Any], mobile: str, **more: Any) -> Any:
    answer = send(hub, partner, "/lead/add", person(mobile, **more))
    assert answer.status_code == 200, answer.text
    return answer.json()


def cancel(hub: Hub, partner: dict[str, Any], mobile: str) -> Any:
    answer = send(hub, partner, "/lead/cancel", {"mobile": mobile, "type": "motor-trade"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def leads(hub: Hub, partner: dict[str, Any]) -> list[tuple[Any, ...]]:
    return hub.query("SELECT state, why FROM lead WHERE partner_id = $1 ORDER BY id", partner["id"])


@pytest.mark.parametrize("sample", FILES, ids=lambda path: path.stem)
def test_every_sample_gets_the_answer_written_beside_it(hub: Hub, partner: dict[str, Any], sample: Path) -> None:
    case = json.loads(sample.read_text(encoding="utf-8"))
    Dialer(hub, partner)
    for before in case["before"]:
        send(hub, partner, before["path"], before["request"])
    answer = send(hub, partner, case["path"], case["request"])
    assert {"status": answer.status_code, "body": answer.json()} == case["answer"]


def test_the_documented_curl_commands_work(hub: Hub, partner: dict[str, Any]) -> None:
    places = {"https://{example.com}": hub.url, "{API_KEY}": partner["key"]}
    said = [
        json.loads(run_client(f"comunik8/{name}.sh", places).stdout)
        for name in ("add_test", "add_delayed", "add_delayed", "cancel", "cancel")
    ]
    scheduled = {"saved": True, "processed": False, "error": "Another call is already scheduled"}
    assert said == [{"test": "ok"}, ADDED, scheduled, CANCELLED, NOT_FOUND]


def test_a_lead_reaches_its_dialer_with_all_that_was_sent(hub: Hub, partner: dict[str, Any], dialer: Dialer) -> None:
    number = hub.number()
    sent = person("0" + number[3:], subtype="valeter", other_phone="ask for Jo", data='{"make": "Ford"}', test="")
    assert send(hub, partner, "/lead/add", sent).json() == ADDED
    [call] = dialer.lease()
    assert (call["campaign"], call["person"]["name"], call["person"]["phone"]) == ("motor-trade", "John Doe", number)
    assert {name: call["person"]["given"][name] for name in sent} == sent


def test_delays_postpone_the_call(hub: Hub, partner: dict[str, Any]) -> None:
    add(hub, partner, hub.number(), delays="600")
    [(delay,)] = hub.query(
        "SELECT extract(epoch FROM dial_at - created_at)::int FROM lead WHERE partner_id = $1", partner["id"]
    )
    assert delay == 600


def test_what_was_dialled_to_its_end_is_an_existing_contact(hub: Hub, partner: dict[str, Any], dialer: Dialer) -> None:
    number = hub.number()
    add(hub, partner, number)
    [call] = dialer.lease()
    dialer.report(call, "not_interested")
    assert add(hub, partner, number) == EXISTING
    assert cancel(hub, partner, number) == PROCESSED


def test_what_was_refused_is_kept_with_its_reason_and_never_called(
    hub: Hub, partner: dict[str, Any], dialer: Dialer
) -> None:
    number = hub.number()
    add(hub, partner, number, delays=600)
    add(hub, partner, number)
    add(hub, partner, hub.number(), type="boats")
    refused = ("refused", "Another call is already scheduled"), ("refused", "Unknown Type")
    [(state, why), *others] = leads(hub, partner)
    assert (state, why.split()[0], others) == ("scheduled", "due", list(refused))
    kept = "SELECT count(*) FROM lead JOIN contact ON lead_id = lead.id WHERE partner_id = $1 AND sealed IS NOT NULL"
    assert hub.query(kept, partner["id"]) == [(3,)]
    assert dialer.lease(wait=1) == []


def test_a_test_stores_nothing(hub: Hub, partner: dict[str, Any]) -> None:
    for test in (True, "true"):
        assert add(hub, partner, hub.number(), test=test) == {"test": "ok"}
    assert leads(hub, partner) == []
    kept = "SELECT count(*) FROM submission WHERE partner_id = $1 AND (weight > 0 OR wrapped_key IS NOT NULL)"
    assert hub.query(kept, partner["id"]) == [(0,)]


def test_a_cancelled_lead_is_gone_and_may_come_again(hub: Hub, partner: dict[str, Any], dialer: Dialer) -> None:
    number = hub.number()
    add(hub, partner, number)
    eventually(lambda: leads(hub, partner) == [("calling", None)])
    assert cancel(hub, partner, number) == CANCELLED
    assert cancel(hub, partner, number) == NOT_FOUND
    assert dialer.lease(wait=1) == []
    assert add(hub, partner, number) == ADDED
    assert len(dialer.lease()) == 1


def test_waiting_redials_stop_though_the_lead_was_dialled(hub: Hub, partner: dict[str, Any], dialer: Dialer) -> None:
    number = hub.number()
    add(hub, partner, number)
    [call] = dialer.lease()
    assert dialer.report(call, "no_answer").json()["lead_state"] == "scheduled"
    assert cancel(hub, partner, number) == PROCESSED
    assert leads(hub, partner) == [("cancelled", "cancelled by its sender")]
    assert cancel(hub, partner, number) == PROCESSED
    assert add(hub, partner, number) == EXISTING


def test_a_call_under_way_is_heard_to_its_end_and_is_the_last(
    hub: Hub, partner: dict[str, Any], dialer: Dialer
) -> None:
    number = hub.number()
    add(hub, partner, number)
    [call] = dialer.lease()
    assert cancel(hub, partner, number) == PROCESSED
    assert dialer.report(call, "no_answer").json() == {"status": "ok", "lead_state": "done"}
    outcome = "SELECT state, outcome, attempts FROM lead WHERE partner_id = $1"
    assert hub.query(outcome, partner["id"]) == [("done", "no_answer", 1)]
    assert dialer.lease(wait=1) == []


def test_a_lease_that_lapses_after_the_cancel_is_not_given_out_again(
    hub: Hub, partner: dict[str, Any], dialer: Dialer
) -> None:
    number = hub.number()
    add(hub, partner, number)
    [_] = dialer.lease(seconds=1)
    assert cancel(hub, partner, number) == PROCESSED
    lapsed = "SELECT lease_until < clock_timestamp() FROM call WHERE partner_id = $1"
    eventually(lambda: hub.query(lapsed, partner["id"]) == [(True,)])
    assert dialer.lease(wait=2) == []


def test_a_cancel_races_the_due_timer_and_the_lease(hub: Hub, partner: dict[str, Any], dialer: Dialer) -> None:
    """60 leads, each cancelled around the second in which it is due: what was cancelled is never leased."""
    numbers = [hub.number() for _ in range(60)]
    leased, over = set[str](), threading.Event()

    def keep_leasing() -> None:
        while not over.is_set():
            leased.update(call["person"]["phone"] for call in dialer.lease(most=3, wait=0.2))

    def add_and_cancel(number: str) -> tuple[str, Any]:
        add(hub, partner, number, delays=2)
        moment = random.Random(number).uniform(1.5, 3.5)  # noqa: S311 - the same moments each time
        over.wait(moment)
        return number, cancel(hub, partner, number)

    taker = threading.Thread(target=keep_leasing)
    taker.start()
    try:
        with ThreadPoolExecutor(20) as pool:
            said = dict(pool.map(add_and_cancel, numbers))
        # Whatever could still be leased would be by now: each lead is due, and nothing waits for the dialer.
        waiting = "SELECT count(*) FROM call WHERE partner_id = $1 AND state = 'ready'"
        due = "SELECT count(*) FROM lead WHERE partner_id = $1 AND state = 'scheduled'"
        eventually(lambda: hub.query(waiting, partner["id"]) == hub.query(due, partner["id"]) == [(0,)])
    finally:
        over.set()
        taker.join(10)
    withdrawn = {number for number, answer in said.items() if answer == CANCELLED}
    assert not withdrawn & leased
    assert {number for number, answer in said.items() if answer == PROCESSED} == set(numbers) - withdrawn == leased
    assert withdrawn
    assert leased


async def test_a_lead_that_can_not_be_had_is_said_not_to_be_saved(hub: Hub, partner: dict[str, Any]) -> None:
    number = hub.number()
    await asyncio.to_thread(add, hub, partner, number, delays=600)
    held = await asyncpg.connect(hub.database_url.replace("+asyncpg", ""))
    try:
        async with held.transaction():
            await held.execute("SELECT FROM lead WHERE partner_id = $1 FOR UPDATE", partner["id"])
            said = await asyncio.to_thread(cancel, hub, partner, number)
    finally:
        await held.close()
    assert said == {"cancelled": False, "warning": "server error (save)"}
    assert await asyncio.to_thread(cancel, hub, partner, number) == CANCELLED


def test_another_tenants_lead_is_not_found(hub: Hub, partner: dict[str, Any]) -> None:
    number, other = hub.number(), hub.partner("comunik8")
    add(hub, partner, number, delays=600)
    assert cancel(hub, other, number) == NOT_FOUND
    assert add(hub, other, number, delays=600) == ADDED


def test_the_same_number_of_another_type_is_another_lead(hub: Hub, partner: dict[str, Any]) -> None:
    number = hub.number()
    hub.query(
        "INSERT INTO campaign (partner_id, public_id, dialer_id)"
        " SELECT partner_id, 'boats', dialer_id FROM campaign WHERE partner_id = $1",
        partner["id"],
    )
    assert [add(hub, partner, number, type=kind, delays=9) for kind in ("boats", "motor-trade")] == [ADDED] * 2


def test_a_repeat_with_its_key_gets_the_first_answer(hub: Hub, partner: dict[str, Any]) -> None:
    body = person(hub.number(), delays=600)
    answers = [send(hub, partner, "/lead/add", body, **{"Idempotency-Key": "one"}) for _ in range(2)]
    assert [answer.json() for answer in answers] == [ADDED] * 2
    assert len(leads(hub, partner)) == 1


def test_fifty_at_once_with_one_number_make_one_lead(hub: Hub, partner: dict[str, Any]) -> None:
    number = hub.number()
    with ThreadPoolExecutor(50) as crowd:
        said = list(crowd.map(lambda i: add(hub, partner, number, delays=600, subtype=str(i)), range(50)))
    assert said.count(ADDED) == 1
    assert [state for state, _ in leads(hub, partner)].count("refused") == 49


@pytest.mark.parametrize("path", ["/lead/add", "/lead/cancel"])
def test_every_error_is_in_the_apis_own_form(hub: Hub, partner: dict[str, Any], path: str) -> None:
    url = f"{hub.url}{path}?key={partner['key']}"
    wrong = requests.post(hub.url + path, params={"key": "nonsense"}, json={}, timeout=30)
    missing = requests.post(hub.url + path, json={}, timeout=30)
    assert [(r.status_code, r.json()) for r in (wrong, missing)] == [(401, {"error": "Invalid API key"})] * 2
    for body in (b"[]", b"{", b'{"a":1,"a":2}', b'{"type":NaN}', b"\xff"):
        answer = requests.post(url, data=body, timeout=30)
        assert (answer.status_code, list(answer.json())) == (400, ["error"]), body
    assert requests.post(url, data=b" " * 1_048_577, timeout=30).status_code == 413
    limited = hub.partner("comunik8", rate_limit=1)
    answers = [send(hub, limited, path, person(hub.number(), type="boats")) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert list(answers[1].json()) == ["error"]
    assert answers[1].headers["Retry-After"]


def test_the_key_is_taken_from_the_header_too_and_a_slash_at_the_end_is_none(hub: Hub, partner: dict[str, Any]) -> None:
    answer = hub.post("/lead/add/", partner["key"], person(hub.number(), delays=600))
    assert (answer.status_code, answer.json()) == (200, ADDED)


def test_the_key_in_the_query_never_reaches_a_log_or_temporal(hub: Hub, partner: dict[str, Any]) -> None:
    add(hub, partner, hub.number(), delays=600)
    send(hub, partner, "/lead/add", {"type": []})
    send(hub, partner, "/lead/cancel", person(hub.number()))
    requests.post(f"{hub.url}/lead/add?key={partner['key']}", data=b"{", timeout=30)
    requests.get(f"{hub.url}/lead/add?key={partner['key']}", timeout=30)
    secret = partner["key"].split("_")[3].encode()
    logs = {path.name: path.read_bytes() for path in hub.logs.glob("*.log")}
    assert any(b'"/lead/add"' in text for text in logs.values())
    assert not [name for name, text in logs.items() if secret in text]
