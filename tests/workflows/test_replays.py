"""After an outage: what failed is sent again, one by one or as a range, with the same ids and once."""

import asyncio
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client, WorkflowHandle

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
    return Sender.of(hub, receiver)


def create(sender: Sender, *words: object) -> int:
    """A replay of the last hour to the sender's endpoint."""
    made = command(sender.hub, "replay", "create", "--endpoint", sender.endpoint, "--since", "1h", *words)
    return int(made["id"])


def standing(sender: Sender, replay: int) -> tuple[str, int, int]:
    row = command(sender.hub, "replay", "show", replay)
    return row["state"], row["replayed"], row["undelivered"]


async def workflow(hub: Hub, replay: int) -> WorkflowHandle[Any, Any]:
    """The replay's, in Temporal."""
    ids = "SELECT concat_ws('-', 'replay', replay.id, workflow_token, deployment.id) FROM replay, deployment"
    [(workflow_id,)] = hub.query(f"{ids} WHERE replay.id = $1", replay)
    return (await Client.connect(hub.temporal)).get_workflow_handle(workflow_id)


def details(hub: Hub, replay: int) -> str:
    """What Temporal shows of the replay's workflow."""

    async def ask() -> str:
        handle = await workflow(hub, replay)
        found = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        return found.current_details

    return asyncio.run(ask())


def test_after_an_outage_what_failed_arrives_once_with_the_ids_it_had(sender: Sender, receiver: Receiver) -> None:
    sender.submit(2)
    eventually(lambda: sender.states() == {"delivered": 2})
    before, receiver.status = set(receiver.taken), 500
    sender.fail(6)
    missed = set(receiver.sent) - before
    receiver.status = 200
    words = ("replay", "create", "--endpoint", sender.endpoint, "--since", "1h", "--failed-only", "--dry-run")
    assert command(sender.hub, *words) == {"endpoint_id": sender.endpoint, "total": 6}
    replay = create(sender, "--failed-only")
    eventually(lambda: standing(sender, replay) == ("done", 6, 0))
    assert receiver.taken == dict.fromkeys(before | missed, 1)
    assert command(sender.hub, "replay", "list", "--endpoint", sender.endpoint)["replays"][0]["total"] == 6


def test_a_replay_of_all_sends_what_was_delivered_again(sender: Sender, receiver: Receiver) -> None:
    sender.submit(3)
    eventually(lambda: sender.states() == {"delivered": 3})
    first = datetime.now(UTC)
    replay = create(sender, "--until", first.isoformat())
    eventually(lambda: standing(sender, replay) == ("done", 3, 0))
    assert sorted(receiver.taken.values()) == [2, 2, 2]


def test_an_endpoint_gets_what_came_before_it_was_created(sender: Sender, receiver: Receiver) -> None:
    sender.submit(3)
    eventually(lambda: sender.states() == {"delivered": 3})
    with receiving() as second:
        later = sender.hub.endpoint(sender.partner["id"], second.url, "lead.created")["id"]
        replay = command(sender.hub, "replay", "create", "--endpoint", later, "--since", "1h")
        assert replay["total"] == 3
        eventually(lambda: second.taken == receiver.taken)
        assert (
            command(
                sender.hub,
                "replay",
                "create",
                "--endpoint",
                later,
                "--since",
                "1h",
                "--type",
                "lead.deleted",
                "--dry-run",
            )["total"]
            == 0
        )


def test_a_paused_replay_stops_and_goes_on(sender: Sender, receiver: Receiver) -> None:
    sender.submit(6)
    eventually(lambda: sender.states() == {"delivered": 6})
    replay = create(sender, "--pace", 1)
    eventually(lambda: standing(sender, replay)[1] >= 1)
    paused = command(sender.hub, "replay", "pause", replay)
    assert paused["state"] == "paused"
    eventually(lambda: details(sender.hub, replay) == f"paused: {paused['replayed']} of 6 handed to delivery")
    assert standing(sender, replay)[:2] == ("paused", paused["replayed"])
    assert command(sender.hub, "replay", "resume", replay)["state"] == "running"
    eventually(lambda: standing(sender, replay) == ("done", 6, 0))
    assert sorted(receiver.taken.values()) == [2] * 6


def test_a_replay_whose_workflow_was_terminated_goes_on(sender: Sender, receiver: Receiver) -> None:
    sender.submit(6)
    eventually(lambda: sender.states() == {"delivered": 6})
    replay = create(sender, "--pace", 1)
    eventually(lambda: standing(sender, replay)[1] >= 1)

    async def terminate() -> None:
        await (await workflow(sender.hub, replay)).terminate()

    asyncio.run(terminate())
    sender.hub.query("UPDATE replay SET moved_at = now() - interval '2 minutes' WHERE id = $1", replay)
    eventually(lambda: standing(sender, replay) == ("done", 6, 0))
    assert sorted(receiver.taken.values()) == [2] * 6


def test_a_cancelled_replay_is_over_and_another_may_begin(sender: Sender) -> None:
    sender.submit(3)
    eventually(lambda: sender.states() == {"delivered": 3})
    replay = create(sender, "--pace", 1)
    again = ("replay", "create", "--endpoint", sender.endpoint, "--since", "1h")
    assert refusal(sender.hub, *again).startswith(f"replay {replay} to endpoint {sender.endpoint} is not at its end")
    assert command(sender.hub, "replay", "cancel", replay)["state"] == "cancelled"
    for verb in ("pause", "resume", "cancel"):
        assert refusal(sender.hub, "replay", verb, replay) == f"replay {replay} is cancelled already.\n"
    other = create(sender, "--pace", 500)
    eventually(lambda: standing(sender, other)[0] == "done")


def test_a_deleted_endpoint_ends_its_replay(sender: Sender) -> None:
    sender.submit(3)
    eventually(lambda: sender.states() == {"delivered": 3})
    replay = create(sender, "--pace", 1)
    command(sender.hub, "endpoint", "delete", sender.endpoint)
    eventually(lambda: standing(sender, replay)[0] == "cancelled")
    assert command(sender.hub, "replay", "show", replay)["why"] == "its endpoint was deleted"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--since", "yesterday"), "--since: 'yesterday' is not a time."),
        (("--since", "2026-01-31T18:00"), "--since: '2026-01-31T18:00' has no zone."),
        (("--since", "1h", "--until", "2h"), "--since: must be before until"),
        (("--since", "2999-01-01T00:00Z"), "--since: must be before until, and in the past."),
        (("--since", "1h", "--pace", "501"), "--pace"),
        (("--since", "1h", "--type", "lead.lost"), "--type: lead.lost is unknown"),
    ],
)
def test_a_range_that_is_none_is_named(sender: Sender, words: tuple[str, ...], message: str) -> None:
    assert message in refusal(sender.hub, "replay", "create", "--endpoint", sender.endpoint, *words)


def test_what_a_disabled_endpoint_misses_arrives_when_it_is_enabled(sender: Sender, receiver: Receiver) -> None:
    command(sender.hub, "endpoint", "disable", sender.endpoint)
    sender.submit(3)
    eventually(lambda: sender.states() == {"waiting": 3})
    assert command(sender.hub, "endpoint", "show", sender.endpoint)["waiting"] == 3
    listed = command(sender.hub, "delivery", "list", "--endpoint", sender.endpoint, "--state", "waiting")
    refused = refusal(sender.hub, "delivery", "retry", listed["deliveries"][0]["id"])
    assert refused == f"endpoint {sender.endpoint} is disabled; enabling it sends all that waits for it.\n"
    command(sender.hub, "endpoint", "enable", sender.endpoint)
    eventually(lambda: sender.states() == {"delivered": 3})
    assert sorted(receiver.taken.values()) == [1, 1, 1]


def test_a_failed_delivery_is_retried_now_and_a_delivered_one_replayed(sender: Sender, receiver: Receiver) -> None:
    receiver.status = 500
    sender.fail(1)
    receiver.status = 200
    [row] = command(sender.hub, "delivery", "list", "--endpoint", sender.endpoint, "--state", "failed")["deliveries"]
    assert (row["status"], row["failure"], row["next_at"]) == (500, None, None)
    retried = command(sender.hub, "delivery", "retry", row["id"])
    assert (retried["state"], retried["event_id"]) == ("pending", row["event_id"])
    eventually(lambda: sender.states() == {"delivered": 1})
    shown = command(sender.hub, "delivery", "show", row["id"])
    number = shown["attempts"]
    assert [attempt["number"] for attempt in shown["history"]] == list(range(1, number + 1))
    assert (shown["history"][0]["answer"], shown["history"][-1]["answer"]) == ("out of order", "ok")
    assert shown["payload"] == receiver.bodies[0]
    assert shown["request_id"] == shown["payload"]["data"]["lead"]["request_id"]
    assert "was delivered; replay it" in refusal(sender.hub, "delivery", "retry", row["id"])
    command(sender.hub, "delivery", "replay", row["id"])
    eventually(lambda: receiver.taken == {row["event_id"]: 2})
    actions = sender.hub.query(
        "SELECT action FROM audit WHERE subject_id = $1 AND action LIKE 'delivery.%' ORDER BY id", str(row["id"])
    )
    assert actions == [("delivery.retry",), ("delivery.replay",)]


def test_a_test_that_fails_is_not_tried_again(sender: Sender, receiver: Receiver) -> None:
    receiver.status = 503
    done = run_command("endpoint", "test", str(sender.endpoint), "--json", env={**os.environ, **sender.hub.env})
    result = json.loads(done.stdout)
    assert (done.returncode, result["state"], result["status"]) == (1, "failed", 503)
    assert result["answer"] == "out of order"


def test_a_test_event_goes_to_one_endpoint_whatever_its_types(sender: Sender, receiver: Receiver) -> None:
    with receiving() as other:
        sender.hub.endpoint(sender.partner["id"], other.url)
        result = command(sender.hub, "endpoint", "test", sender.endpoint)
        assert (result["state"], result["status"], result["answer"]) == ("delivered", 200, "ok")
        assert [(body["type"], body["data"]) for body in receiver.bodies] == [
            ("endpoint.test", {"endpoint_id": sender.endpoint})
        ]
        assert list(receiver.taken) == [result["event_id"]]
        assert not other.sent
