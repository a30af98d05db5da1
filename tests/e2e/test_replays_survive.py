"""A replay whose worker is killed: nothing of it is lost, and nothing that was handed to delivery is handed again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.webhooks import MOST_PLACES
from tests.support.dialing import eventually
from tests.support.machine import Machine, machine
from tests.support.webhooks import Sender, command, receiving

EVENTS, PACE = 60, 10


@pytest.fixture
def whole(database: str, tmp_path: Path) -> Iterator[Machine]:
    with machine(database, tmp_path) as found:
        yield found


def test_a_replay_goes_on_after_its_worker_was_killed(whole: Machine) -> None:
    hub = whole.hub
    with receiving() as receiver:
        sender = Sender.of(hub, receiver)
        sender.submit(EVENTS)
        eventually(lambda: sender.states() == {"delivered": EVENTS})
        first = set(receiver.taken)
        words = ("--endpoint", sender.endpoint, "--since", "1h", "--pace", PACE)
        replay = command(hub, "replay", "create", *words)["id"]
        eventually(lambda: command(hub, "replay", "show", replay)["replayed"] >= 2 * PACE)
        whole.kill("worker")
        assert command(hub, "replay", "show", replay)["state"] == "running"
        hub.query("UPDATE delivery SET claimed_until = now() WHERE claimed_until IS NOT NULL")  # as if time had passed
        whole.start("worker")
        eventually(lambda: command(hub, "replay", "show", replay)["state"] == "done")
        eventually(lambda: sender.states() == {"delivered": EVENTS})
    assert command(hub, "replay", "show", replay)["replayed"] == EVENTS
    assert set(receiver.taken) == first
    # Each arrives once more; what was under way may arrive twice.
    assert set(receiver.taken.values()) <= {2, 3}
    assert receiver.taken.total() - 2 * EVENTS <= 2 * MOST_PLACES
