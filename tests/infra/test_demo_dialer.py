"""The demo dialer, as a process, against an API that can be away."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

LEASE = "/v1/dialer/calls:lease"


@contextmanager
def dialing(api: HTTPServer) -> Iterator[None]:
    env = {**os.environ, "HUB_API_URL": api.url_for(""), "HUB_DIALER_KEY": "the-key"}
    process = subprocess.Popen((sys.executable, "-m", "infra.demo_dialer"), env=env, stdout=subprocess.PIPE)
    try:
        yield
    finally:
        process.kill()
        process.communicate()


class Calls:
    """Hands out its calls once; counts outcomes by call. The first `refusals` reports are answered 503.

    Calls of `taken_back` may not be started.
    """

    def __init__(self, count: int, refusals: int = 0, taken_back: frozenset[int] = frozenset()) -> None:
        self.waiting = [{"id": n, "token": 7, "lead_id": n, "attempt": 1} for n in range(count)]
        self.outcomes: dict[int, list[str]] = {}
        self.refusals = refusals
        self.taken_back = taken_back
        self.started: set[int] = set()
        self.keys: set[str | None] = set()

    def lease(self, request: Request) -> Response:
        self.keys.add(request.headers.get("Authorization"))
        assert request.json["confirm_start"] is True
        taken, self.waiting = self.waiting[: request.json["max"]], self.waiting[request.json["max"] :]
        if not taken:
            time.sleep(0.2)
        return Response(json.dumps({"calls": taken}), content_type="application/json")

    def start(self, request: Request) -> Response:
        call = int(request.path.split("/")[4])
        assert request.json == {"token": 7}
        if call in self.taken_back:
            return Response("{}", 409, content_type="application/json")
        self.started.add(call)
        return Response("{}", content_type="application/json")

    def outcome(self, request: Request) -> Response:
        if self.refusals:
            self.refusals -= 1
            return Response("{}", 503, content_type="application/json")
        said = request.json
        call = int(request.path.split("/")[4])
        assert call in self.started
        self.outcomes.setdefault(call, []).append(said["outcome"])
        assert said["token"] == 7
        assert said["recording_url"].startswith("https://")
        return Response("{}", content_type="application/json")

    def served_by(self, api: HTTPServer) -> None:
        api.expect_request(LEASE).respond_with_handler(self.lease)
        for call in self.waiting:
            api.expect_request(f"/v1/dialer/calls/{call['id']}/start").respond_with_handler(self.start)
            api.expect_request(f"/v1/dialer/calls/{call['id']}/outcome").respond_with_handler(self.outcome)

    def await_all(self, count: int) -> None:
        deadline = time.monotonic() + 30
        while len(self.outcomes) < count:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_calls_end_alternately_interested_and_not(httpserver: HTTPServer) -> None:
    calls = Calls(6)
    calls.served_by(httpserver)
    with dialing(httpserver):
        calls.await_all(6)
    assert calls.outcomes == {n: ["not_interested" if n % 2 else "interested"] for n in range(6)}
    assert calls.keys == {"Bearer the-key"}


def test_an_outcome_that_nobody_takes_is_said_again_and_the_same(httpserver: HTTPServer) -> None:
    calls = Calls(2, refusals=3)
    calls.served_by(httpserver)
    with dialing(httpserver):
        calls.await_all(2)
    assert calls.outcomes == {0: ["interested"], 1: ["not_interested"]}


def test_a_call_that_was_taken_back_is_not_dialled(httpserver: HTTPServer) -> None:
    calls = Calls(4, taken_back=frozenset({1}))
    calls.served_by(httpserver)
    with dialing(httpserver):
        calls.await_all(3)
    assert sorted(calls.outcomes) == [0, 2, 3]
