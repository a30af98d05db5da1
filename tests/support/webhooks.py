"""A partner's webhook receiver that fails when told, and an operator's commands about it."""

import json
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.support.command import run_command
from tests.support.dialing import eventually
from tests.support.stack import Hub

PATH = "/api/leads/partner-transfer"


@dataclass
class Receiver:
    """Answers `status`; counts by `webhook-id` what it was sent, and what it took."""

    url: str
    status: int = 200
    sent: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: Request) -> Response:
        with self._lock:
            status = self.status
            self.sent[request.headers["webhook-id"]] += 1
            if status < 300:
                self.taken[request.headers["webhook-id"]] += 1
                self.bodies.append(json.loads(request.get_data()))
        return Response("ok" if status < 300 else "out of order", status=status)


@contextmanager
def receiving(status: int = 200) -> Iterator[Receiver]:
    """A receiver on a port of its own."""
    with HTTPServer(host="127.0.0.1", threaded=True) as server:
        receiver = Receiver(server.url_for("/hook"), status)
        server.expect_request("/hook").respond_with_handler(receiver.answer)
        yield receiver


@dataclass
class Sender:
    """A partner with one endpoint for `lead.created`, whose events are made by submitting leads."""

    hub: Hub
    partner: dict[str, Any]
    endpoint: int

    @classmethod
    def of(cls, hub: Hub, receiver: Receiver) -> "Sender":
        partner = hub.partner(rate_limit=100_000)
        return cls(hub, partner, hub.endpoint(partner["id"], receiver.url, "lead.created")["id"])

    def submit(self, leads: int) -> None:
        rows = [{"name": "Ann Lee", "phone": self.hub.number()} for _ in range(leads)]
        answer = self.hub.post(PATH, self.partner["key"], {"leads": rows})
        assert answer.status_code == 200, answer.text

    def states(self) -> Counter[str]:
        """How many deliveries to the endpoint there are, by state."""
        rows = self.hub.query("SELECT state, count(*) FROM delivery WHERE endpoint_id = $1 GROUP BY 1", self.endpoint)
        return Counter(dict(rows))

    def fail(self, leads: int) -> None:
        """Events whose deliveries have used up all their attempts."""
        self.submit(leads)
        tried = "SELECT count(*) FROM delivery WHERE endpoint_id = $1 AND attempts > 0 AND state <> 'delivered'"
        eventually(lambda: self.hub.query(tried, self.endpoint) == [(leads,)])
        ended = "UPDATE delivery SET state = 'failed', next_at = NULL, queued_at = NULL WHERE endpoint_id = $1"
        self.hub.query(f"{ended} AND state <> 'delivered'", self.endpoint)


def command(hub: Hub, *words: object) -> Any:
    """The document that `hub WORDS --json` prints."""
    done = run_command(*map(str, words), "--json", env={**os.environ, **hub.env})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refusal(hub: Hub, *words: object) -> str:
    """What `hub WORDS` says when it refuses."""
    done = run_command(*map(str, words), env={**os.environ, **hub.env})
    assert (done.returncode, done.stdout) == (2, ""), done.stdout
    return done.stderr
