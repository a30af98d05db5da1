"""Processes are killed and connections cut at random moments while leads come; then the books are checked.

`make faults`; FAULT_SECONDS (60) and FAULT_SEED choose how long, and which moments again.
"""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_survives import all_processed, submit
from tests.support.dialing import Recorder, eventually
from tests.support.machine import Machine, machine
from tests.support.servers import execute
from tests.support.webhooks import receiving

pytestmark = pytest.mark.faults
SECONDS = float(os.environ.get("FAULT_SECONDS", "60"))
SEED = int(os.environ.get("FAULT_SEED", str(random.randrange(10**6))))  # noqa: S311 - no secret
CLIENTS, SIZE = 2, 10
LONGEST_QUIET_SECONDS = 5.0
BOOKS_SECONDS = 240.0  # a lease that was lost with its answer ends after 60 s, a webhook's next try may come after it
CUT = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture
def whole(database: str, tmp_path: Path) -> Iterator[Machine]:
    with machine(database, tmp_path) as found:
        yield found


def test_whatever_fails_each_lead_is_called_once_and_told_of(whole: Machine) -> None:
    hub, chance = whole.hub, random.Random(SEED)  # noqa: S311 - no secret
    partner = hub.partner(rate_limit=1_000_000)
    over = threading.Event()
    faults: list[Callable[[], None]] = [
        *(lambda name=name: restart(whole, name) for name in whole.services),
        lambda: execute(hub.database_url, CUT),
    ]
    with receiving() as receiver, Recorder(hub.url, hub.dialer_key()) as dialer, ThreadPoolExecutor(CLIENTS) as crowd:
        hub.endpoint(partner["id"], receiver.url)
        clients = [crowd.submit(submit_until, over, whole, partner["key"]) for _ in range(CLIENTS)]
        until = time.monotonic() + SECONDS
        met = 0
        while time.monotonic() < until:
            time.sleep(chance.uniform(0, LONGEST_QUIET_SECONDS))  # the moments are the test
            chance.choice(faults)()
            met += 1
        over.set()
        acknowledged = sum(client.result() for client in clients)
        eventually(all_processed(hub, partner["id"]), BOOKS_SECONDS)
        leads = {lead for (lead,) in hub.query("SELECT id FROM lead WHERE partner_id = $1", partner["id"])}
        assert (SEED, len(leads)) == (SEED, acknowledged)
        assert (SEED, dict(dialer.dialled)) == (SEED, dict.fromkeys(leads, 1))
        events = "SELECT public_id FROM event WHERE partner_id = $1"
        eventually(lambda: {event for (event,) in hub.query(events, partner["id"])} == {*receiver.taken}, BOOKS_SECONDS)
    processed = [body["data"]["lead"]["id"] for body in receiver.bodies if body["type"] == "lead.processed"]
    assert {*processed} == leads
    repeats = receiver.taken.total() - len(receiver.taken)
    books = f"{met} faults, {len(leads)} leads, {len(receiver.taken)} webhooks and {repeats} repeats of them"
    print(f"\nseed {SEED}: {books}")  # noqa: T201 - what `make faults` is for


def restart(whole: Machine, name: str) -> None:
    whole.kill(name)
    whole.start(name)


def submit_until(over: threading.Event, whole: Machine, key: str) -> int:
    """How many leads were acknowledged: batch after batch, each until it has its answer."""
    created = 0
    while not over.is_set():
        batch: list[dict[str, Any]] = [{"name": "Ann Lee", "phone": whole.hub.number()} for _ in range(SIZE)]
        created += submit(whole.hub, key, batch)["created"]
    return created
