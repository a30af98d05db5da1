"""Dialers that confirm starts: judged once more right before they dial; until then a call can be taken back."""

from typing import Any

import pytest
import requests

from tests.api.test_dialer_limits import ENDED, STANDS, add, ready, tenants_with_one_number
from tests.support.dialing import Dialer, eventually
from tests.support.stack import Hub

SUPPRESS = """
    INSERT INTO suppression (partner_id, phone_hash, reason)
    SELECT partner_id, phone_hash, 'test' FROM lead WHERE partner_id = $1
"""


@pytest.fixture
def partner(hub: Hub) -> dict[str, Any]:
    return hub.partner("comunik8")


@pytest.fixture
def dialer(hub: Hub, partner: dict[str, Any]) -> Dialer:
    return Dialer(hub, partner)


def leased(hub: Hub, partner: dict[str, Any], dialer: Dialer, **more: Any) -> dict[str, Any]:
    add(hub, partner)
    [call] = dialer.lease(confirm_start=True, **more)
    return call


def dials(hub: Hub, call: dict[str, Any]) -> int:
    [(count,)] = hub.query("SELECT count(started_at) FROM lease WHERE call_id = $1", call["id"])
    return int(count)


def test_a_call_counts_from_its_start(hub: Hub, partner: Any, dialer: Dialer) -> None:
    call = leased(hub, partner, dialer)
    assert dials(hub, call) == 0
    answers = [dialer.start(call) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json() == {"status": "started", "lease_until": call["lease_until"]}
    assert dials(hub, call) == 1
    assert dialer.report(call, "interested").json()["lead_state"] == "done"


def test_starts_keep_the_cap(hub: Hub, partner: Any, dialer: Dialer) -> None:
    tenants_with_one_number(hub, dialer, partner, 5)
    calls = dialer.lease(most=5, confirm_start=True)
    answers = [dialer.start(call) for call in calls]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 409, 409]
    assert "the number was called 3 times within 24 hours" in answers[3].json()["detail"]
    assert dialer.lost(*calls) == [call["id"] for call in calls[3:]]
    for call in calls[3:]:
        capped = [("scheduled", "the number was called 3 times within 24 hours")]
        eventually(lambda call=call, capped=capped: hub.query(STANDS, call["lead_id"]) == capped)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE partner SET disabled_at = now() WHERE id = $1", None),
        ("UPDATE partner SET daily_calls = 0 WHERE id = $1", "budget"),
        ("""UPDATE campaign SET policy = '{"regions": ["IN"]}' WHERE partner_id = $1""", "policy"),
        ("UPDATE call SET closes_at = now() WHERE partner_id = $1", "time"),
        (SUPPRESS, "do-not-call"),
    ],
)
def test_what_changed_since_the_lease_is_judged_at_the_start(
    hub: Hub, partner: Any, dialer: Dialer, change: str, reason: str | None
) -> None:
    call = leased(hub, partner, dialer)
    hub.query(change, partner["id"])
    answer = dialer.start(call)
    assert answer.status_code == 409
    assert reason is None or reason in answer.json()["detail"]
    assert dialer.lost(call) == [call["id"]]
    assert dials(hub, call) == 0
    assert dialer.start(call).status_code == 409


def test_a_cancelled_call_is_taken_back_until_it_is_started(hub: Hub, partner: Any, dialer: Dialer) -> None:
    number = hub.number()
    add(hub, partner, number)
    [call] = dialer.lease(confirm_start=True)
    cancelled = cancel(hub, partner, number)
    assert cancelled == {"cancelled": True}
    assert dialer.lost(call) == [call["id"]]
    assert dialer.start(call).status_code == 409
    ended = "SELECT ended FROM lease WHERE call_id = $1"
    assert hub.query(ended, call["id"]) == [("taken_back",)]


def test_a_started_call_is_not_cancelled_and_its_outcome_is_taken(hub: Hub, partner: Any, dialer: Dialer) -> None:
    number = hub.number()
    add(hub, partner, number)
    [call] = dialer.lease(confirm_start=True)
    dialer.start(call)
    assert cancel(hub, partner, number)["warning"] == "already processed"
    assert dialer.lost(call) == []
    assert dialer.report(call, "interested").json()["lead_state"] == "done"


def cancel(hub: Hub, partner: dict[str, Any], number: str) -> dict[str, Any]:
    body = {"type": partner["type"], "mobile": number}
    return dict(requests.post(f"{hub.url}/lead/cancel?key={partner['key']}", json=body, timeout=30).json())


def test_a_lost_started_call_is_unknown_and_redialled_only_after_its_spacing(
    hub: Hub, partner: Any, dialer: Dialer
) -> None:
    policy = """UPDATE campaign SET policy = '{"spacing": {"unknown": "PT6S"}}' WHERE partner_id = $1"""
    hub.query(policy, partner["id"])
    call = leased(hub, partner, dialer, seconds=1)
    assert dialer.start(call).status_code == 200
    lead = call["lead_id"]
    ended = ("unknown", "its dialer was lost after it had started")
    eventually(lambda: hub.query(ENDED, call["id"]) == [ended])
    moved = "SELECT state, outcome, attempts FROM lead WHERE id = $1"
    assert hub.query(moved, lead) == [("scheduled", "unknown", 1)]
    assert dials(hub, call) == 1
    assert dialer.lease(wait=0) == []
    assert dialer.report(call, "interested").status_code == 409
    [again] = dialer.lease(wait=30)
    assert (again["lead_id"], again["attempt"]) == (lead, 2)
    spaced = "SELECT max(leased_at) - min(ended_at) >= interval '5.9 seconds' FROM lease WHERE partner_id = $1"
    assert hub.query(spaced, partner["id"]) == [(True,)]


def test_a_call_that_was_lost_before_its_start_goes_back_and_does_not_count(
    hub: Hub, partner: Any, dialer: Dialer
) -> None:
    call = leased(hub, partner, dialer, seconds=1)
    [again] = dialer.lease(wait=20, confirm_start=True)
    assert (again["id"], again["token"]) == (call["id"], call["token"] + 1)
    assert dials(hub, call) == 0
    assert dialer.start(call).status_code == 409
    assert dialer.start(again).status_code == 200


def test_three_lost_leases_without_a_start_end_the_call_and_do_not_count(
    hub: Hub, partner: Any, dialer: Dialer
) -> None:
    call = leased(hub, partner, dialer, seconds=1)
    for _ in range(2):
        [call] = dialer.lease(seconds=1, wait=20, confirm_start=True)
    eventually(lambda: hub.query(ENDED, call["id"]) == [("failed", "its dialer lost it")])
    assert dials(hub, call) == 0
    assert hub.query("SELECT called_at FROM lead WHERE id = $1", call["lead_id"]) == [(None,)]


def test_an_outcome_without_a_start_is_taken_and_counts(hub: Hub, partner: Any, dialer: Dialer) -> None:
    call = leased(hub, partner, dialer)
    assert dialer.report(call, "answered").json()["lead_state"] == "done"
    assert dials(hub, call) == 1


def test_a_start_without_confirm_start_says_what_to_do(hub: Hub, partner: Any, dialer: Dialer) -> None:
    add(hub, partner)
    [call] = dialer.lease()
    answer = dialer.start(call)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("confirm_start: ")


def test_anothers_call_does_not_exist(hub: Hub, partner: Any, dialer: Dialer) -> None:
    call = leased(hub, partner, dialer)
    stranger = Dialer(hub, hub.partner("comunik8"))
    unknown = stranger.start({**call, "id": 10**12})
    assert (stranger.start(call).content, unknown.status_code) == (unknown.content, 404)
    assert dialer.start({**call, "token": call["token"] + 1}).status_code == 409


def test_a_disabled_partners_calls_are_taken_back_before_their_start(hub: Hub, partner: Any, dialer: Dialer) -> None:
    call = leased(hub, partner, dialer)
    hub.query("UPDATE partner SET disabled_at = now() WHERE id = $1", partner["id"])
    eventually(lambda: dialer.lost(call) == [call["id"]])
    eventually(lambda: hub.query(STANDS, call["lead_id"]) == [("scheduled", "the partner is disabled")])
    hub.query("UPDATE partner SET disabled_at = NULL WHERE id = $1", partner["id"])
    ready(hub, 1, partner)
