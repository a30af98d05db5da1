"""Webhooks when their worker is killed: none is lost, and what is sent twice has the same id."""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from hub.webhooks import MOST_PLACES
from tests.support.dialing import eventually
from tests.support.machine import Machine, machine

PATH = "/api/leads/partner-transfer"
LEADS = 200


@pytest.fixture
def whole(database: str, tmp_path: Path) -> Iterator[Machine]:
    with machine(database, tmp_path) as found:
        yield found


def test_no_webhook_is_lost_when_the_worker_is_killed_among_200(whole: Machine) -> None:
    hub, arrived, gate = whole.hub, Counter[str](), threading.Semaphore(60)

    def take(request: Request) -> Response:
        arrived[request.headers["webhook-id"]] += 1
        gate.acquire()  # after so many it hangs, so that the worker dies with some under way
        return Response(status=200)

    with HTTPServer(host="127.0.0.1", threaded=True) as receiver:
        receiver.expect_request("/hook").respond_with_handler(take)
        partner = hub.partner(rate_limit=100_000)
        hub.endpoint(partner["id"], receiver.url_for("/hook"), "lead.created")
        for _ in range(LEADS // 100):
            rows = [{"name": "Ann Lee", "phone": hub.number()} for _ in range(100)]
            assert hub.post(PATH, partner["key"], {"leads": rows}).json()["created"] == 100
        eventually(lambda: arrived.total() == 60 + MOST_PLACES)
        whole.kill("worker")
        gate.release(10 * LEADS)
        hub.query("UPDATE delivery SET claimed_until = now() WHERE claimed_until IS NOT NULL")  # as if time had passed
        whole.start("worker")
        states = "SELECT state, count(*) FROM delivery GROUP BY state"
        eventually(lambda: hub.query(states) == [("delivered", LEADS)])
    assert len(arrived) == LEADS
    assert set(arrived.values()) <= {1, 2}
    # At most what was under way, and what had arrived a moment before it was recorded.
    assert arrived.total() - LEADS <= 2 * MOST_PLACES
