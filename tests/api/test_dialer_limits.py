"""Calling limits, exact: calls count when they may have been dialled, and are judged when a dialer takes them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tests.support.dialing import Dialer, eventually
from tests.support.stack import Hub

STANDS = "SELECT state, why FROM lead WHERE id = $1"
ENDED = "SELECT outcome, reason FROM call WHERE id = $1"
READY = "SELECT count(*) FROM call WHERE partner_id = ANY($1::bigint[]) AND state = 'ready'"


@pytest.fixture
def partner(hub: Hub) -> dict[str, Any]:
    return hub.partner("comunik8")


@pytest.fixture
def dialer(hub: Hub, partner: dict[str, Any]) -> Dialer:
    return Dialer(hub, partner)


def add(hub: Hub, partner: dict[str, Any], number: str | None = None, **more: Any) -> int:
    """A lead, waiting; its id."""
    person = {"first_name": "Ann", "surname": "Lee", "email": "ann@example.com", "type": partner["type"]}
    body = {**person, "mobile": number or hub.number(), **more}
    answer = requests.post(f"{hub.url}/lead/add?key={partner['key']}", json=body, timeout=30)
    assert answer.json() == {"saved": True, "processed": True}
    [(lead,)] = hub.query("SELECT max(id) FROM lead WHERE partner_id = $1", partner["id"])
    return int(lead)


def ready(hub: Hub, count: int, *partners: dict[str, Any]) -> None:
    """Until so many of the partners' calls wait for a dialer."""
    eventually(lambda: hub.query(READY, [partner["id"] for partner in partners]) == [(count,)])


def tenants_with_one_number(hub: Hub, dialer: Dialer, partner: dict[str, Any], count: int) -> list[int]:
    """So many leads of as many partners, all with the same number, all placed with the dialer."""
    number, others = hub.number(), [hub.partner("comunik8") for _ in range(count - 1)]
    for other in others:
        dialer.serve(other)
    leads = [add(hub, each, number) for each in (partner, *others)]
    ready(hub, count, partner, *others)
    return leads


def test_six_dials_to_one_number_in_seconds_are_not_possible(hub: Hub, partner: Any, dialer: Dialer) -> None:
    """Calls placed long ago and leased now count as of now."""
    leads = tenants_with_one_number(hub, dialer, partner, 6)
    hub.query("UPDATE call SET placed_at = now() - interval '30 hours' WHERE lead_id = ANY($1::bigint[])", leads)
    leased = {call["lead_id"] for _ in range(6) for call in dialer.lease(wait=0)}
    assert len(leased) == 3
    for lead in set(leads) - leased:
        wanted = [("scheduled", "the number was called 3 times within 24 hours")]
        eventually(lambda lead=lead, wanted=wanted: hub.query(STANDS, lead) == wanted)


def test_leases_that_are_lost_are_dials_too(hub: Hub, partner: Any, dialer: Dialer) -> None:
    hub.query("""UPDATE campaign SET policy = '{"max_per_day": 2}' WHERE partner_id = $1""", partner["id"])
    lead = add(hub, partner)
    for _ in range(2):
        got: list[dict[str, Any]] = []
        eventually(lambda got=got: got.extend(dialer.lease(seconds=1, wait=0)) or got)
    eventually(lambda: dialer.lease(wait=0) or hub.query(STANDS, lead) != [("calling", None)])
    eventually(lambda: hub.query(STANDS, lead) == [("scheduled", "the number was called 2 times within 24 hours")])
    [(hours,)] = hub.query("SELECT extract(epoch FROM look_at - now()) / 3600 FROM lead WHERE id = $1", lead)
    assert float(hours) == pytest.approx(24, abs=0.1)


def test_of_leases_that_race_at_the_cap_no_more_win_than_it_allows(hub: Hub, partner: Any, dialer: Dialer) -> None:
    leads = tenants_with_one_number(hub, dialer, partner, 8)
    with ThreadPoolExecutor(8) as crowd:
        leased = [call["lead_id"] for calls in crowd.map(lambda _: dialer.lease(wait=0), range(8)) for call in calls]
    assert len(leased) == len(set(leased)) == 3
    counted = "SELECT count(*) FROM lease JOIN call ON call.id = call_id WHERE lead_id = ANY($1::bigint[])"
    assert hub.query(counted, leads) == [(3,)]


def test_a_spent_budget_holds_leads_which_go_on_in_order_when_there_is_more(
    hub: Hub, partner: Any, dialer: Dialer
) -> None:
    hub.query("UPDATE partner SET daily_calls = 1 WHERE id = $1", partner["id"])
    first, second, third = (add(hub, partner) for _ in range(3))
    [call] = dialer.lease(most=3)
    assert call["lead_id"] == first
    spent = [("scheduled", "the partner's budget of calls for 24 hours is used up")]
    for lead in (second, third):
        eventually(lambda lead=lead: hub.query(STANDS, lead) == spent)
    assert dialer.lease(wait=0) == []
    hub.query("UPDATE partner SET daily_calls = 2 WHERE id = $1", partner["id"])
    assert [call["lead_id"] for call in dialer.lease(most=3, wait=20)] == [second]
    hub.query("UPDATE lease SET started_at = started_at - interval '25 hours' WHERE partner_id = $1", partner["id"])
    assert [call["lead_id"] for call in dialer.lease(most=3, wait=20)] == [third]


def test_leases_that_race_for_a_budget_keep_it(hub: Hub, partner: Any, dialer: Dialer) -> None:
    for _ in range(6):
        add(hub, partner)
    ready(hub, 6, partner)
    hub.query("UPDATE partner SET daily_calls = 2 WHERE id = $1", partner["id"])
    with ThreadPoolExecutor(6) as crowd:
        assert sum(map(len, crowd.map(lambda _: dialer.lease(wait=0), range(6)))) == 2


def test_a_disabled_partners_calls_are_taken_back_and_come_again_when_it_is_enabled(
    hub: Hub, partner: Any, dialer: Dialer
) -> None:
    leads = [add(hub, partner) for _ in range(3)]
    ready(hub, 3, partner)
    hub.query("UPDATE partner SET disabled_at = now() WHERE id = $1", partner["id"])
    assert dialer.lease(wait=0) == []
    for lead in leads:
        eventually(lambda lead=lead: hub.query(STANDS, lead) == [("scheduled", "the partner is disabled")])
    hub.query("UPDATE partner SET disabled_at = NULL WHERE id = $1", partner["id"])
    ready(hub, 3, partner)
    assert [call["lead_id"] for call in dialer.lease(most=3)] == leads


def test_a_changed_policy_holds_for_calls_that_wait_for_their_dialer(hub: Hub, partner: Any, dialer: Dialer) -> None:
    lead = add(hub, partner)
    ready(hub, 1, partner)
    hub.query("""UPDATE campaign SET policy = '{"regions": ["IN"]}' WHERE partner_id = $1""", partner["id"])
    assert dialer.lease(wait=0) == []
    eventually(lambda: hub.query(STANDS, lead) == [("refused", "region GB not allowed")])


def test_a_suppressed_lead_is_taken_back_and_refused(hub: Hub, partner: Any, dialer: Dialer) -> None:
    lead = add(hub, partner)
    ready(hub, 1, partner)
    suppress = "INSERT INTO suppression (phone_hash, reason) SELECT phone_hash, 'test' FROM lead WHERE id = $1"
    hub.query(suppress, lead)
    assert dialer.lease(wait=0) == []
    eventually(lambda: hub.query(STANDS, lead) == [("refused", "the number is on the do-not-call list")])


def test_three_lost_leases_end_the_call(hub: Hub, partner: Any, dialer: Dialer) -> None:
    lead = add(hub, partner)
    for _ in range(3):
        got: list[dict[str, Any]] = []
        eventually(lambda got=got: got.extend(dialer.lease(seconds=1, wait=0)) or got)
    eventually(lambda: hub.query(ENDED, got[0]["id"]) == [("failed", "its dialer lost it")])
    assert hub.query("SELECT state, outcome, attempts FROM lead WHERE id = $1", lead) == [("scheduled", "failed", 1)]
    leases = "SELECT lease.token, ended FROM lease JOIN call ON call.id = call_id WHERE lead_id = $1 ORDER BY 1"
    assert hub.query(leases, lead) == [(1, "lost"), (2, "lost"), (3, "lost")]
    assert dialer.lease(wait=0) == []


def test_a_lost_call_whose_person_can_not_be_read_ends_and_keeps_no_other(
    hub: Hub, partner: Any, dialer: Dialer
) -> None:
    hub.endpoint(partner["id"], "http://127.0.0.1:1/")
    lead, other = add(hub, partner), add(hub, partner)
    ready(hub, 2, partner)
    hub.query("UPDATE contact SET sealed = 'damaged' WHERE lead_id = $1", lead)
    calls = "SELECT lead_id, outcome, reason FROM call WHERE partner_id = $1 ORDER BY lead_id"
    lost = [(each, "failed", "its dialer lost it") for each in (lead, other)]
    eventually(lambda: dialer.lease(most=2, seconds=1, wait=0) is not None and hub.query(calls, partner["id"]) == lost)
    assert hub.query("SELECT state FROM lead WHERE id = $1", lead) == [("scheduled",)]
    told = "SELECT count(*) FROM event WHERE type = 'call.completed' AND lead_id = $1"
    assert [hub.query(told, each) for each in (lead, other)] == [[(0,)], [(1,)]]


def test_after_its_last_attempt_a_lost_lead_is_done(hub: Hub, partner: Any, dialer: Dialer) -> None:
    hub.query("""UPDATE campaign SET policy = '{"max_attempts": 1}' WHERE partner_id = $1""", partner["id"])
    lead = add(hub, partner)
    for _ in range(3):
        got: list[dict[str, Any]] = []
        eventually(lambda got=got: got.extend(dialer.lease(seconds=1, wait=0)) or got)
    eventually(lambda: hub.query(STANDS, lead) == [("done", "its dialer lost it")])


def test_a_late_outcome_counts_until_another_has_the_call(hub: Hub, partner: Any, dialer: Dialer) -> None:
    add(hub, partner)
    [call] = dialer.lease(seconds=1)
    eventually(lambda: hub.query("SELECT state FROM call WHERE id = $1", call["id"]) == [("ready",)])
    assert dialer.report(call, "interested").json()["lead_state"] == "done"


def test_each_lease_is_a_row(hub: Hub, partner: Any, dialer: Dialer) -> None:
    add(hub, partner)
    [call] = dialer.lease()
    leases = "SELECT dialer_id, token, ended, started_at = leased_at, lease_until > now() FROM lease WHERE call_id = $1"
    assert hub.query(leases, call["id"]) == [(dialer.id, call["token"], None, True, True)]
    dialer.report(call, "interested")
    assert hub.query(leases, call["id"]) == [(dialer.id, call["token"], "reported", True, True)]


def test_a_lease_says_before_when_the_call_must_begin(hub: Hub, partner: Any, dialer: Dialer) -> None:
    policy = """UPDATE campaign SET policy = '{"expires_after": "PT1H"}' WHERE partner_id = $1"""
    hub.query(policy, partner["id"])
    add(hub, partner)
    [call] = dialer.lease()
    left = datetime.fromisoformat(call["start_before"]) - datetime.now(UTC)
    assert timedelta(minutes=58) < left < timedelta(hours=1)
    assert datetime.fromisoformat(call["lease_until"]) < datetime.fromisoformat(call["start_before"])


def test_calls_come_in_the_order_in_which_they_were_due(hub: Hub, partner: Any, dialer: Dialer) -> None:
    """Although the first waited for its number's cap meanwhile."""
    number = hub.number()
    first = add(hub, partner, number, delays=1)
    hub.query(
        """INSERT INTO lease (call_id, token, dialer_id, partner_id, phone_hash, confirm_start, leased_at, lease_until,
                              started_at)
           SELECT max(call.id), -place, $2, $3, lead.phone_hash, false, now(), now(),
                  now() - interval '24 hours' + interval '8 seconds'
           FROM call, lead, generate_series(1, 3) AS place WHERE lead.id = $1 GROUP BY place, lead.phone_hash""",
        first, dialer.id, partner["id"],
    )  # fmt: skip
    eventually(lambda: hub.query(STANDS, first) == [("scheduled", "the number was called 3 times within 24 hours")])
    second = add(hub, partner)
    ready(hub, 2, partner)
    assert [call["lead_id"] for call in dialer.lease(most=2)] == [first, second]


@pytest.mark.parametrize(
    ("outcome", "sent", "field"),
    [
        ("callback", {}, "callback_at"),
        ("callback", {"callback_at": None}, "callback_at"),
        ("callback", {"callback_at": "2150-01-01T10:00:00Z"}, "callback_at"),
        ("callback", {"callback_at": "1999-12-31T23:59:59Z"}, "callback_at"),
        ("callback", {"callback_at": "2026-05-04T10:00:00"}, "callback_at"),
        ("meeting_booked", {}, "meeting_at"),
        ("meeting_booked", {"meeting_at": "2026-05-04T10:00:00"}, "meeting_at"),
        ("meeting_booked", {"meeting_at": "2101-01-01T00:00:00Z"}, "meeting_at"),
        ("unknown", {}, "outcome"),
    ],
)
def test_an_outcome_without_what_it_needs_names_the_field(
    hub: Hub, partner: Any, dialer: Dialer, outcome: str, sent: dict[str, Any], field: str
) -> None:
    add(hub, partner)
    [call] = dialer.lease()
    answer = dialer.report(call, outcome, **sent)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(f"{field}: ")
    [result] = dialer.report_all({"id": call["id"], "token": call["token"], "outcome": outcome, **sent}).json()[
        "results"
    ]
    assert (result["status"], result["detail"]) == (400, answer.json()["detail"])
