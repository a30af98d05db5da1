"""SquadIQ's responses: what senders are told of their leads, in pages and by filters."""

import json
from typing import Any

import pytest
import requests

from tests.support.dialing import Dialer, eventually
from tests.support.squadiq import Sender
from tests.support.stack import Hub


@pytest.fixture
def sender(hub: Hub) -> Sender:
    return Sender(hub, hub.partner("squadiq"))


@pytest.fixture
def dialer(hub: Hub, sender: Sender) -> Dialer:
    return Dialer(hub, sender.partner)


def process(dialer: Dialer, leads: int) -> None:
    """Call that many leads with success."""
    while leads > 0:
        for call in dialer.lease():
            dialer.report(call, "interested")
            leads -= 1


def test_an_outcome_of_a_later_version_hides_no_other_result(hub: Hub, sender: Sender, dialer: Dialer) -> None:
    sender.create("a", "b")
    process(dialer, 2)
    eventually(lambda: len(sender.results()) == 2)
    [(lead, *_), _] = hub.query("SELECT id FROM lead WHERE partner_id = $1 ORDER BY id", sender.partner["id"])
    hub.query("UPDATE lead SET outcome = 'of a later version' WHERE id = $1", lead)
    assert [result["lead_id"] for result in sender.results()] == ["b"]


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        ("interested", "Connected : Objective Met"),
        ("meeting_booked", "Connected : Objective Met"),
        ("answered", "Connected : Objective Not Met"),
        ("not_interested", "Connected : Objective Not Met"),
        ("do_not_call", "Connected : Objective Not Met"),
        ("wrong_number", "Not Connected : Wrong Number"),
        ("no_answer", "Not Connected : No Answer"),
        ("busy", "Not Connected : Busy"),
        ("voicemail", "Not Connected : Voicemail"),
        ("failed", "Not Connected : Failed"),
    ],
)
def test_a_processed_lead_is_reported_in_the_documented_words(
    hub: Hub, sender: Sender, dialer: Dialer, outcome: str, told: str
) -> None:
    policy = json.dumps({"max_attempts": 1})
    hub.query("UPDATE campaign SET policy = $1 WHERE partner_id = $2", policy, sender.partner["id"])
    sender.create("a")
    [before] = sender.results(lead_id="a")
    assert (before["lead_outcome"], before["processed_at"], sender.results()) == (None, None, [])
    [call] = dialer.lease()
    more = {"meeting_at": "2026-05-04T15:00:00+05:30"} if outcome == "meeting_booked" else {}
    dialer.report(call, outcome, recording_url="https://rec.example.com/1", responses={"budget": "5 lakh"}, **more)
    [result] = sender.results()
    assert sender.results(lead_id="a") == [result]
    assert {key: result[key] for key in ("lead_id", "phone_number", "contact_name", "campaign_id")} == {
        "lead_id": "a",
        "phone_number": "+91xxxxxxxxxx",
        "contact_name": "John Doe",
        "campaign_id": sender.partner["campaign_id"],
    }
    assert (result["lead_outcome"], result["lead_responses"]) == (told, {"budget": "5 lakh"})
    assert result["latest_recording_url"] == "https://rec.example.com/1"
    moments = [result[key] for key in ("created_at", "latest_called_at", "processed_at")]
    assert moments == sorted(moments)
    assert all(moment.endswith("+00:00") for moment in moments)


@pytest.mark.parametrize("operation", ["disable", "convert"])
def test_a_lead_that_is_stopped_between_calls_is_processed_by_its_last_outcome(
    sender: Sender, dialer: Dialer, operation: str
) -> None:
    sender.create("a", "b")
    for call in dialer.lease(most=2):
        if call["person"]["given"]["lead_id"] == "a":
            assert dialer.report(call, "busy").json()["lead_state"] == "scheduled"
    assert sender.results() == []
    for lead_id in ("a", "b"):
        assert sender.send(operation, {"lead_id": lead_id, "detail": "sold"}).ok
    told = [(lead["lead_id"], lead["lead_outcome"], lead["processed_at"] is None) for lead in sender.results()]
    assert told == [("a", "Not Connected : Busy", False)]


def test_a_number_that_is_never_dialled_is_processed_as_failed(sender: Sender, dialer: Dialer) -> None:
    sender.create("a", phone_number="+911861123456789")
    eventually(lambda: [lead["lead_outcome"] for lead in sender.results()] == ["Not Connected : Failed"])
    assert dialer.lease(wait=0) == []


def test_results_come_in_pages_that_lead_to_each_other(hub: Hub, sender: Sender, dialer: Dialer) -> None:
    sender.create(*"abcde")
    process(dialer, 5)
    whole = [lead["lead_id"] for lead in sender.results()]
    first = sender.responses(page_size=2, processed_after=946684800).json()
    assert (first["count"], first["previous"], first["results"][0]["lead_id"]) == (5, None, whole[0])
    headers = {"Authorization": f"Bearer {sender.partner['token']}"}
    seen, url = [], first["next"]
    while url:
        page = requests.get(url, headers=headers, timeout=30).json()
        assert page["previous"].startswith(hub.url)
        seen += [lead["lead_id"] for lead in page["results"]]
        url = page["next"]
    assert seen == whole[2:]
    beyond = sender.responses(page=9).json()
    assert (beyond["results"], beyond["next"]) == ([], None)


def test_pages_that_lead_to_each_other_skip_nobody_when_leads_go(sender: Sender, dialer: Dialer) -> None:
    sender.create(*"abcdef")
    process(dialer, 6)
    whole = [lead["lead_id"] for lead in sender.results()]
    headers = {"Authorization": f"Bearer {sender.partner['token']}"}

    def follow(url: str) -> tuple[dict[str, Any], list[str]]:
        page = requests.get(url, headers=headers, timeout=30).json()
        return page, [lead["lead_id"] for lead in page["results"]]

    first = sender.responses(page_size=2).json()
    assert sender.send("delete", {"lead_id": whole[0]}).status_code == 202
    second, seen = follow(first["next"])
    assert seen == whole[2:4]
    third, seen = follow(second["next"])
    assert (seen, third["next"], third["count"]) == (whole[4:], None, 5)
    back, seen = follow(third["previous"])
    assert seen == whole[2:4]
    assert follow(back["previous"])[1] == [whole[1]]
    assert [lead["lead_id"] for lead in sender.results(page=2, page_size=2)] == whole[3:5]


def test_results_are_filtered_by_when_they_were_processed(hub: Hub, sender: Sender, dialer: Dialer) -> None:
    sender.create("a", "b")
    process(dialer, 2)
    hub.query(
        "WITH ranked AS (SELECT id, row_number() OVER (ORDER BY id) AS rank FROM lead WHERE partner_id = $1)"
        " UPDATE lead SET processed_at = to_timestamp(1700000000 + 1000 * rank) FROM ranked WHERE ranked.id = lead.id",
        sender.partner["id"],
    )

    def found(**query: Any) -> list[str]:
        return [lead["lead_id"] for lead in sender.results(**query)]

    assert found(processed_after=1700001500) == ["b"]
    assert found(processed_before="1700001500.5") == ["a"]
    assert found(processed_after=1700001000, processed_before=1700002000) == []
    assert found(processed_after=0, processed_before="0.0") == ["a", "b"]
    assert found(lead_id="a", processed_after=1700001500) == []
    assert found(lead_id="nobody") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("page", "0"),
        ("page", "-1"),
        ("page", "x"),
        ("page", "99999999999999999999"),
        ("page_size", "0"),
        ("page_size", "1001"),
        ("page_size", "١"),
        ("processed_after", "yesterday"),
        ("processed_before", "1e9"),
        ("processed_after", "946684799.9"),
        ("processed_before", "4133980800"),
        ("processed_after", "1700000000000"),
        ("lead_id", ""),
        ("cursor", "after.1"),
        ("cursor", "after.9999999999999999.1"),
    ],
)
def test_a_query_that_means_nothing_is_refused(sender: Sender, field: str, value: str) -> None:
    answer = sender.responses(**{field: value})
    assert (answer.status_code, [fault["field"] for fault in answer.json()["errors"]]) == (400, [field])


def test_reading_counts_against_the_limit(hub: Hub, sender: Sender) -> None:
    hub.query("UPDATE partner SET rate_limit = 2 WHERE id = $1", sender.partner["id"])
    statuses = [sender.responses().status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
