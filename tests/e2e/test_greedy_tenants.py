"""What one tenant's requests wait for holds up no other tenant's."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import requests

from hub.store.admission_lock import LOCK_CLASS
from tests.support.dialing import eventually
from tests.support.machine import Machine, machine
from tests.support.squadiq import Sender
from tests.support.stack import Hub

DISCOUNTS = "/api/v2/PartnerDiscountRequest"


@contextmanager
def admissions_locked(hub: Hub, partner_id: int) -> Iterator[None]:
    """As if another API process were admitting a request of the partner, and did not come to an end."""
    with asyncio.Runner() as loop:
        connection: Any = loop.run(asyncpg.connect(hub.database_url.replace("+asyncpg", "")))
        loop.run(connection.execute("SELECT pg_advisory_lock($1, $2)", LOCK_CLASS, partner_id))
        try:
            yield
        finally:
            loop.run(connection.close())


def test_requests_that_wait_for_their_partners_turn_leave_the_others_their_connections(hub: Hub) -> None:
    greedy, other = Sender(hub, hub.partner("squadiq")), Sender(hub, hub.partner("squadiq", rate_limit=100_000))
    with admissions_locked(hub, greedy.partner["id"]), ThreadPoolExecutor(20) as crowd:
        waiting = [crowd.submit(greedy.responses) for _ in range(20)]  # the pool has 5 connections
        slowest = 0.0
        while not any(request.done() for request in waiting):
            began = time.monotonic()
            assert other.responses().status_code == 200
            slowest = max(slowest, time.monotonic() - began)
        answers = [request.result() for request in waiting]
    assert slowest < 2.5
    assert {answer.status_code for answer in answers} == {503}
    assert all(int(answer.headers["Retry-After"]) > 0 and answer.json()["detail"] for answer in answers)
    assert greedy.responses().status_code == 200


def test_a_partners_requests_at_once_all_get_their_turn(hub: Hub) -> None:
    sender = Sender(hub, hub.partner("squadiq"))
    with ThreadPoolExecutor(40) as crowd:
        statuses = list(crowd.map(lambda _: sender.responses().status_code, range(80)))
    assert statuses == [200] * 80


@pytest.fixture
def whole(database: str, tmp_path: Path) -> Iterator[Machine]:
    with machine(database, tmp_path) as found:
        yield found


@contextmanager
def frozen(process: subprocess.Popen[bytes]) -> Iterator[None]:
    group = os.getpgid(process.pid)
    os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(group, signal.SIGCONT)


def ask(hub: Hub, partner: dict[str, Any]) -> requests.Response:
    body = {
        "partnerId": partner["partner_id"],
        "origin": partner["origin"],
        "productId": partner["product_id"],
        "recipient": {"firstName": "Zoë", "lastName": "Smith", "email": "zoe@example.com"},
    }
    return requests.post(hub.url + DISCOUNTS, json=body, headers={"x-api-key": partner["key"]}, timeout=60)


def test_with_temporal_frozen_discounts_fail_and_others_are_answered(whole: Machine) -> None:
    hub = whole.hub
    partner, other = hub.partner("leanpub"), Sender(hub, hub.partner("squadiq"))
    with ThreadPoolExecutor(10) as crowd:
        with frozen(whole.running["temporal"]):
            waiting = [crowd.submit(ask, hub, partner) for _ in range(10)]
            while not all(request.done() for request in waiting):
                assert other.responses().status_code == 200
        codes = {request.result().json()["code"] for request in waiting}
    assert codes == {501}
    assert hub.query("SELECT count(*) FROM discount") == [(0,)]
    assert hub.query("SELECT count(*) FROM submission WHERE api = 'leanpub' AND weight > 0") == [(0,)]
    eventually(lambda: ask(hub, partner).json()["code"] == 0)
    # What Temporal accepted after all of the ten ends without a row; of the last one mail is tried, or sent.
    assert hub.query("SELECT count(*), bool_and(confirmed) FROM discount") == [(1, True)]


def test_a_request_whose_api_was_lost_before_it_confirmed_is_never_done(whole: Machine) -> None:
    hub = whole.hub
    partner = hub.partner("leanpub")
    whole.kill("worker")
    answer = ask(hub, partner).json()
    assert answer["code"] == 0
    hub.query("UPDATE discount SET confirmed = false, created_at = created_at - interval '2 min'")
    whole.start("worker")
    eventually(lambda: hub.query("SELECT count(*) FROM discount") == [(0,)])
