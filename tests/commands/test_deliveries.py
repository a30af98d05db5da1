"""`hub delivery list|show|retry`: what is found by which filter, page by page, and what can't be sent again."""

import os
from collections.abc import Iterator

import pytest

from tests.support.command import run_command
from tests.support.dialing import eventually
from tests.support.stack import Hub
from tests.support.webhooks import Receiver, Sender, command, receiving, refusal


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def sender(hub: Hub, receiver: Receiver) -> Sender:
    """Whose five events were delivered."""
    found = Sender.of(hub, receiver)
    found.submit(5)
    eventually(lambda: found.states() == {"delivered": 5})
    return found


def listed(sender: Sender, *words: object) -> list[int]:
    found = command(sender.hub, "delivery", "list", "--partner", sender.partner["id"], *words)
    return [row["id"] for row in found["deliveries"]]


def test_pages_follow_each_other_newest_first(sender: Sender) -> None:
    ids: list[int] = []
    sizes, cursor = [], []
    while not ids or cursor:
        words = ("--endpoint", sender.endpoint, "--limit", 2, *cursor)
        page = command(sender.hub, "delivery", "list", *words)
        ids += [row["id"] for row in page["deliveries"]]
        sizes.append(len(page["deliveries"]))
        cursor = ["--cursor", page["next"]] if page["next"] else []
    assert sizes == [2, 2, 1]
    assert ids == sorted(ids, reverse=True) == listed(sender)


def test_each_filter_leaves_out_what_is_not_meant(sender: Sender) -> None:
    newest, *_, oldest = listed(sender)
    change = "UPDATE delivery SET state = 'failed', created_at = created_at - interval '3 hours' WHERE id = $1"
    sender.hub.query(change, newest)
    assert listed(sender, "--state", "failed") == [newest]
    assert oldest in listed(sender, "--state", "delivered")
    assert newest not in listed(sender, "--since", "2h")
    assert listed(sender, "--type", "lead.created") == listed(sender)
    assert listed(sender, "--type", "lead.deleted") == []
    lead = command(sender.hub, "delivery", "show", oldest)["lead_id"]
    assert listed(sender, "--lead", lead) == [oldest]
    assert listed(sender, "--endpoint", sender.endpoint + 1_000_000) == []


def test_a_list_fits_80_columns(sender: Sender) -> None:
    env = {**os.environ, **sender.hub.env, "COLUMNS": "80"}
    done = run_command("delivery", "list", "--endpoint", str(sender.endpoint), env=env)
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert {"state", "status", "type", "created_at"} <= set(done.stdout.split())


def test_what_was_erased_is_shown_without_its_contents_and_sent_no_more(sender: Sender) -> None:
    delivery = listed(sender)[0]
    shown = command(sender.hub, "delivery", "show", delivery)
    assert shown["payload"]["data"]["lead"]["phone"]
    command(sender.hub, "lead", "erase", shown["lead_id"])
    erased = command(sender.hub, "delivery", "show", delivery)
    assert (erased["payload"], erased["history"][0]["answer"], erased["history"][0]["status"]) == (None, None, 200)
    assert "whom it is about was erased" in refusal(sender.hub, "delivery", "replay", delivery)
    words = ("replay", "create", "--endpoint", sender.endpoint, "--since", "1h", "--dry-run")
    assert command(sender.hub, *words)["total"] == 4


def test_a_deleted_endpoints_deliveries_are_not_sent_again(sender: Sender) -> None:
    delivery = listed(sender)[0]
    command(sender.hub, "endpoint", "delete", sender.endpoint)
    assert "its endpoint was deleted" in refusal(sender.hub, "delivery", "replay", delivery)


def test_deliveries_that_wait_for_a_deleted_endpoint_have_failed(sender: Sender) -> None:
    command(sender.hub, "endpoint", "disable", sender.endpoint)
    sender.submit(1)
    assert listed(sender, "--state", "waiting")
    command(sender.hub, "endpoint", "delete", sender.endpoint)
    eventually(lambda: sender.states() == {"delivered": 5, "failed": 1})
    [delivery] = listed(sender, "--state", "failed")
    assert command(sender.hub, "delivery", "show", delivery)["why"] == "its endpoint was deleted"


def test_an_endpoint_tells_how_well_it_does(sender: Sender, receiver: Receiver) -> None:
    receiver.status = 500
    sender.fail(5)
    shown = command(sender.hub, "endpoint", "show", sender.endpoint)
    assert (shown["success_rate"], shown["pending"], shown["waiting"]) == (0.5, 0, 0)
    last = (
        "SELECT max(a.created_at) FROM delivery_attempt a JOIN delivery d ON d.id = delivery_id WHERE endpoint_id = $1"
    )
    [(success,)] = sender.hub.query(f"{last} AND status = 200", sender.endpoint)
    assert shown["failing_since"] > shown["last_success_at"]
    assert shown["last_success_at"] <= success.isoformat()
