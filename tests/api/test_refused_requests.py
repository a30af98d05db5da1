"""Refused requests: whose they are, how long their bodies stay, and that nobody fills the database with them."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from structlog.testing import capture_logs

from api.request_log import BURST_BYTES, LARGEST, ROW_BYTES, RequestLog
from hub.errors import NotFound
from hub.store.db.engine import Database
from hub.store.requests import RequestDetail, RequestState, show_request
from hub.store.unadmitted import UnadmittedRequest
from tests.support.command import run_command
from tests.support.dialing import eventually
from tests.support.kept_requests import listed, shown
from tests.support.retention import retain_until
from tests.support.servers import Databases
from tests.support.squadiq import Sender
from tests.support.stack import Hub, running_api

TRANSFER = "/api/leads/partner-transfer"
Partner = dict[str, Any]


def transfer(hub: Hub, partner: Partner, count: int = 1, **headers: str) -> requests.Response:
    leads = [{"name": "Ann Lee", "phone": hub.number()} for _ in range(count)]
    return hub.post(TRANSFER, partner["key"], {"leads": leads}, **headers)


def raw(hub: Hub, partner: Partner, body: bytes) -> requests.Response:
    return requests.post(hub.url + TRANSFER, body, headers={"X-API-Key": partner["key"]}, timeout=30)


def test_what_is_refused_before_its_rows_are_read_is_kept_with_its_reason(hub: Hub) -> None:
    partner = hub.partner(rate_limit=2)
    assert transfer(hub, partner, 2).status_code == 200
    refused = {
        "429": transfer(hub, partner),
        "413": transfer(hub, partner, 3),
        "400": raw(hub, partner, b'{"leads": [{"name": "Zebedee", "name": "Zebedee"}]}'),
        "415": hub.post(TRANSFER, partner["key"], {}, **{"Content-Encoding": "gzip"}),
    }
    found = {status: shown(hub, answer) for status, answer in refused.items()}
    assert {str(each["status"]) for each in found.values()} == set(found)
    [[reason]] = [found["400"]["reasons"]]
    assert reason["reason"] == "body has a key more than once in an object", "the key itself may be personal"
    assert "Rate limit" in found["429"]["reasons"][0]["reason"]
    assert all(each["state"] == "refused" for each in found.values())
    statuses = [each["status"] for each in listed(hub, "--partner", str(partner["id"]), "--refused")]
    assert sorted(statuses) == [400, 413, 415, 429]
    [only] = listed(hub, "--partner", str(partner["id"]), "--status", "429")
    assert only["request_id"] == refused["429"].headers["X-Request-Id"]


def test_a_key_that_is_of_no_use_any_more_is_still_its_partners(hub: Hub) -> None:
    partner, disabled, other = hub.partner(), hub.partner(), hub.partner("margav")
    hub.query("UPDATE api_key SET revoked_at = now() WHERE partner_id = $1", partner["id"])
    hub.query("UPDATE partner SET disabled_at = now() WHERE id = $1", disabled["id"])
    for sender, status in ((partner, 401), (disabled, 403), (other, 401)):
        answer = transfer(hub, sender)
        assert answer.status_code == status
        found = shown(hub, answer)
        assert (found["partner_id"], found["status"]) == (sender["id"], status)
        assert found["key_id"] == sender["key"].split("_")[2]


def test_a_path_that_names_nothing_of_the_callers_is_kept_as_its_template(hub: Hub) -> None:
    token = hub.partner("squadiq")["token"]
    url = f"{hub.url}/api/v4/leads/create/zebedee@example.com"
    answer = requests.post(url, json=[], headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert shown(hub, answer)["route"] == "POST /api/v4/leads/create/{campaign_id}"


def test_of_a_key_that_nobody_has_nothing_is_kept(hub: Hub) -> None:
    partner = hub.partner()
    unknown = hub.post(TRANSFER, "hub_partner_" + partner["key"].split("_")[2] + "_" + "0" * 38, {"leads": []})
    assert unknown.status_code == 401
    shown(hub, raw(hub, partner, b"later"))
    rows = hub.query("SELECT 1 FROM submission WHERE request_id = $1", unknown.headers["X-Request-Id"])
    assert rows == []


def test_body_and_answer_stay_for_a_day_then_reasons_alone(hub: Hub) -> None:
    partner = hub.partner()
    answer = raw(hub, partner, b'{"leads": "Ann Lee"}')
    rejected = Sender(hub, hub.partner("squadiq"))
    rejected.create("a")
    known = rejected.send("create", [rejected.lead("a")])
    for refused, body in ((answer, '{"leads": "Ann Lee"}'), (known, known.request.body)):
        found = shown(hub, refused)
        assert (found["contents"], found["body"], found["answer"]) == ("kept", _text(body), refused.text)
    ids = [each.headers["X-Request-Id"] for each in (answer, known)]
    old = "UPDATE submission SET created_at = created_at - interval '25 hours' WHERE request_id = ANY($1)"
    hub.query(old, ids)
    eventually(lambda: all(shown(hub, each)["contents"] == "expired" for each in _retained(hub, answer, known)))
    for refused in (answer, known):
        found = shown(hub, refused)
        assert (found["body"], found["answer"], len(found["reasons"])) == (None, None, 1)


def _text(body: Any) -> str:
    return body.decode() if isinstance(body, bytes) else str(body)


def _retained(hub: Hub, *answers: requests.Response) -> tuple[requests.Response, ...]:
    """The same, after what is due was removed."""
    gone = "SELECT count(*) FROM submission WHERE wrapped_key IS NOT NULL AND request_id = ANY($1)"
    ids = [answer.headers["X-Request-Id"] for answer in answers]
    asyncio.run(retain_until(hub.settings, lambda: hub.query(gone, ids) == [(0,)]))
    return answers


def test_a_body_that_is_too_large_is_not_kept(hub: Hub) -> None:
    found = shown(hub, raw(hub, hub.partner(), b"x" * (LARGEST + 1)))
    assert (found["contents"], found["body"], "answer" in found) == ("kept", None, True)
    over = shown(hub, raw(hub, hub.partner(), b"x" * (1024 * 1024 + 1)))
    assert (over["status"], over["body"]) == (413, None)


def test_a_replay_is_a_request_that_names_the_first(hub: Hub) -> None:
    partner = hub.partner()
    body = {"leads": [{"name": "Ann Lee", "phone": hub.number()}]}
    first, again = (hub.post(TRANSFER, partner["key"], body, **{"Idempotency-Key": "once"}) for _ in range(2))
    found = shown(hub, again)
    assert (found["state"], found["replay_of"]) == ("replayed", first.headers["X-Request-Id"])
    assert (found["contents"], found["created"], found["status"]) == ("none", None, 200)
    assert hub.query("SELECT sum(weight) FROM submission WHERE partner_id = $1", partner["id"]) == [(1,)]


def test_a_reading_that_fails_counts_for_nothing(hub: Hub) -> None:
    sender = Sender(hub, hub.partner("squadiq"))
    sender.create("a")
    created = "UPDATE lead SET created_at = $2 WHERE partner_id = $1"
    hub.query("UPDATE lead SET created_at = '20000-01-01' WHERE partner_id = $1", sender.partner["id"])
    answer = sender.responses(lead_id="a")
    hub.query(created, sender.partner["id"], datetime.now(UTC))
    assert answer.status_code == 500
    eventually(lambda: shown(hub, answer)["status"] == 500)
    found = shown(hub, answer)
    assert (found["state"], found["reasons"]) == ("refused", [{"reason": "an unexpected failure"}])
    rows = "SELECT weight FROM submission WHERE request_id = $1"
    assert hub.query(rows, answer.headers["X-Request-Id"]) == [(0,)]


def test_a_test_keeps_nothing_of_what_it_holds(hub: Hub) -> None:
    partner = hub.partner("comunik8")
    body = {"first_name": "Ann", "surname": "Lee", "email": "ann@example.com", "mobile": hub.number(), "test": True}
    answer = requests.post(f"{hub.url}/lead/add?key={partner['key']}", json=body | {"type": "none"}, timeout=30)
    found = shown(hub, answer)
    assert (found["state"], found["contents"], found["body"]) == ("done", "none", None)


async def test_another_partners_request_is_missing(hub: Hub) -> None:
    mine, other = hub.partner(), hub.partner()
    answer = await asyncio.to_thread(transfer, hub, mine)
    request_id = answer.headers["X-Request-Id"]
    database = Database(hub.database_url, 1)

    async def show(request_id: str, partner: Partner) -> RequestDetail:
        async with database.begin() as tx:
            return await show_request(tx, hub.settings.vault(), request_id, partner["id"])

    assert (await show(request_id, mine)).request_id == request_id
    with pytest.raises(NotFound) as others:
        await show(request_id, other)
    with pytest.raises(NotFound) as missing:
        await show("none", other)
    assert others.value.message == missing.value.message
    await database.close()


@pytest.mark.parametrize("request_id", ["none", "", "é", "a\x00b"])
def test_an_id_that_is_none_is_named(hub: Hub, request_id: str) -> None:
    done = run_command("request", "show", request_id, "--json", env=hub.env)
    assert (done.returncode, json.loads(done.stdout)) == (2, {"error": "REQUEST_ID: there is no request of this id."})


def test_erasing_a_person_destroys_what_their_partners_refused_requests_may_say_of_them(hub: Hub) -> None:
    sender, other = Sender(hub, hub.partner("squadiq")), Sender(hub, hub.partner("squadiq"))
    sender.create("a")
    mine = sender.send("create", [{"lead_id": "a b", "phone_number": "unreadable", "contact_name": "John Doe"}])
    rejected = sender.send("create", [sender.lead("b"), sender.lead("a")])
    others = other.send("create", [{"lead_id": "a"}])
    assert [shown(hub, each)["contents"] for each in (mine, rejected, others)] == ["kept"] * 3
    assert sender.send("delete", {"lead_id": "a"}).status_code == 202
    found = shown(hub, mine)
    assert (found["contents"], found["body"], found["answer"]) == ("erased", None, None)
    assert found["reasons"], "they hold nothing personal"
    assert [shown(hub, each)["contents"] for each in (rejected, others)] == ["erased", "kept"]


def test_what_was_noted_is_written_when_the_process_ends(hub: Hub, tmp_path: Path) -> None:
    partner = hub.partner()
    with running_api(hub.env, tmp_path) as url:
        answers = [
            requests.post(url + TRANSFER, b"none", headers={"X-API-Key": partner["key"]}, timeout=30) for _ in range(3)
        ]
    rows = hub.query("SELECT request_id FROM submission WHERE partner_id = $1 ORDER BY id", partner["id"])
    assert [request_id for (request_id,) in rows] == [answer.headers["X-Request-Id"] for answer in answers]


def unadmitted(partner: Partner, number: int = 0, **more: Any) -> UnadmittedRequest:
    request = UnadmittedRequest(
        f"request {number}", partner["id"], "key", "partner_api", "POST /x", RequestState.REFUSED, 400, 1
    )
    return replace(request, **more)


async def test_a_flood_is_counted_where_it_is_not_kept_and_holds_no_other_partner_up(hub: Hub) -> None:
    flooding, other = hub.partner(), hub.partner()
    database = Database(hub.database_url, 1)
    notes = RequestLog(database, hub.settings.vault(), now=lambda: 0.0)
    kept = BURST_BYTES // ROW_BYTES
    for number in range(kept + 500):
        notes.note(unadmitted(flooding, number))
    for number in range(7):
        notes.note(unadmitted(flooding, number, status=429))
    notes.note(unadmitted(other))
    await notes.close()
    await database.close()
    rows = "SELECT status, count(*), sum(requests) FROM submission WHERE partner_id = $1 GROUP BY 1 ORDER BY 1"
    assert hub.query(rows, flooding["id"]) == [(400, kept + 1, kept + 500), (429, 1, 7)]
    assert hub.query(rows, other["id"]) == [(400, 1, 1)]
    newest = (await asyncio.to_thread(listed, hub, "--partner", str(flooding["id"])))[:2]
    assert sorted(each["requests"] for each in newest) == [7, 500]


async def test_large_bodies_are_left_out_before_rows_are(hub: Hub) -> None:
    partner = hub.partner()
    database = Database(hub.database_url, 1)
    notes = RequestLog(database, hub.settings.vault(), now=lambda: 0.0)
    for number in range(60):
        notes.note(unadmitted(partner, number, body=b"x" * LARGEST))
    await notes.close()
    await database.close()
    rows = "SELECT count(*), count(body), sum(requests) FROM submission WHERE partner_id = $1"
    assert hub.query(rows, partner["id"]) == [(60, BURST_BYTES // (LARGEST + ROW_BYTES), 60)]


async def test_notes_wait_for_a_database_that_is_away(databases: Databases, database: str, tmp_path: Path) -> None:
    hub = Hub("", database, "", {}, tmp_path)
    partner = hub.partner()
    away = database + "_away"
    databases.rename(database, away.rpartition("/")[2])
    pool = Database(database, 1)
    notes = RequestLog(pool, hub.settings.vault())
    with capture_logs() as logs:
        notes.note(unadmitted(partner))
        await asyncio.to_thread(eventually, lambda: [each["event"] for each in logs] == ["request log"])
    databases.rename(away, database.rpartition("/")[2])
    await asyncio.to_thread(eventually, lambda: hub.query("SELECT count(*) FROM submission") == [(1,)])
    await notes.close()
    await pool.close()
