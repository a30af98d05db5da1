"""What was acknowledged survives kill -9 of any process, is dialled once, and goes on after a restart of everything."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.support.dialing import Recorder, eventually
from tests.support.machine import Machine, machine
from tests.support.stack import Hub

PATH = "/api/leads/partner-transfer"
BATCHES, SIZE = 12, 10


@pytest.fixture
def whole(database: str, tmp_path: Path) -> Iterator[Machine]:
    with machine(database, tmp_path) as found:
        yield found


def submit(hub: Hub, key: str, leads: list[dict[str, str]]) -> dict[str, Any]:
    """As a careful client does: the same request with the same key until there is an answer."""
    idempotency_key = uuid4().hex
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            answer = hub.post(PATH, key, {"leads": leads}, **{"Idempotency-Key": idempotency_key})
        except requests.RequestException:
            time.sleep(0.2)
            continue
        if answer.status_code == 200:
            return dict(answer.json())
        assert answer.status_code in {409, 503}, answer.text
        assert answer.headers["Retry-After"]
        time.sleep(0.3)
    raise AssertionError("no answer within 90 s")


def all_processed(hub: Hub, partner: int) -> Callable[[], bool]:
    return lambda: hub.query("SELECT count(*) FROM lead WHERE partner_id = $1 AND state <> 'done'", partner) == [(0,)]


@pytest.mark.parametrize("victim", ["api", "worker", "temporal"])
def test_acknowledged_leads_are_dialled_once_whoever_is_killed(whole: Machine, victim: str) -> None:
    hub = whole.hub
    partner = hub.partner(rate_limit=100_000)
    batches = [[{"name": "Ann Lee", "phone": hub.number()} for _ in range(SIZE)] for _ in range(BATCHES)]
    answers: list[dict[str, Any]] = []

    def post_all() -> None:
        answers.extend(submit(hub, partner["key"], batch) for batch in batches)

    with Recorder(hub.url, hub.dialer_key()) as dialer:
        client = threading.Thread(target=post_all)
        client.start()
        eventually(lambda: len(answers) >= BATCHES // 3)
        whole.kill(victim)
        whole.start(victim)
        client.join(120)
        assert [answer["created"] for answer in answers] == [SIZE] * BATCHES
        eventually(all_processed(hub, partner["id"]), 90)
        leads = {lead for (lead,) in hub.query("SELECT id FROM lead WHERE partner_id = $1", partner["id"])}
        assert len(leads) == BATCHES * SIZE
        assert dict(dialer.dialled) == dict.fromkeys(leads, 1)


def test_waiting_leads_go_on_after_a_restart_of_everything(whole: Machine) -> None:
    hub = whole.hub
    partner = hub.partner()
    submit(hub, partner["key"], [{"name": "Ann Lee", "phone": hub.number()} for _ in range(5)])
    ready = (
        "SELECT count(*) FROM call JOIN lead ON lead.id = lead_id WHERE lead.partner_id = $1 AND call.state = 'ready'"
    )
    eventually(lambda: hub.query(ready, partner["id"]) == [(5,)])

    whole.stop()
    for name in whole.services:
        whole.start(name)

    with Recorder(hub.url, hub.dialer_key()) as dialer:
        eventually(all_processed(hub, partner["id"]))
        assert sorted(dialer.dialled.values()) == [1] * 5
    assert len(set(itertools.chain(dialer.dialled))) == 5
