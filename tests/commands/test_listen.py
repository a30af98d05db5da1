"""`hub listen` and `hub trigger`: a developer's own machine gets events as an endpoint would."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook
from werkzeug import Request

from hub.contracts import registry
from hub.webhooks import EVENT_TYPES, new_secret
from tests.support.command import run_command
from tests.support.dialing import eventually
from tests.support.stack import Hub
from tests.support.webhook_models import assert_documented

PATH = "/api/leads/partner-transfer"


@pytest.fixture
def receiver() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1") as server:
        server.expect_request("/hook").respond_with_data("ok")
        server.expect_request("/broken").respond_with_data("no", 500)
        yield server


class Listener:
    """A running `hub listen`. `secret` is what it printed to verify with."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout
        assert process.stderr
        self.process, self.stdout = process, process.stdout
        self.secret = process.stdout.readline().split()[-1]
        assert "Waiting for events" in process.stderr.readline()

    def line(self) -> str:
        """What it says next."""
        return self.stdout.readline()


@contextmanager
def listening(hub: Hub, key: str, target: str, *words: str) -> Iterator[Listener]:
    argv = (sys.executable, "-m", "cli", "listen", "--forward-to", target, "--key", key, "--url", hub.url, *words)
    restore = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731 - a shell's background jobs ignore it
    process = subprocess.Popen(argv, stdout=-1, stderr=-1, text=True, preexec_fn=restore)  # noqa: PLW1509 - as above
    too_late = threading.Timer(120, process.kill)  # or reading what it says would never end
    too_late.start()
    with process:
        try:
            yield Listener(process)
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            too_late.cancel()
            process.kill()


def trigger(hub: Hub, *words: str) -> subprocess.CompletedProcess[str]:
    return run_command("trigger", *words, env=hub.env)


def verified(request: Request, secret: str) -> dict[str, Any]:
    body: dict[str, Any] = Webhook(secret).verify(request.get_data(as_text=True), dict(request.headers))
    return body


def test_events_are_forwarded_though_the_partner_has_no_endpoint(hub: Hub, receiver: HTTPServer) -> None:
    partner = hub.partner()
    with listening(hub, partner["key"], receiver.url_for("/hook")) as listener:
        answer = hub.post(PATH, partner["key"], {"leads": [{"name": "Ann", "phone": hub.number()}]})
        lines = [listener.line(), listener.line()]
    events = [verified(request, listener.secret) for request, _ in receiver.log]
    assert {event["type"] for event in events} == {"lead.created", "call.scheduled"}
    assert {event["data"]["lead"]["request_id"] for event in events} == {answer.headers["X-Request-Id"]}
    for line, (request, _) in zip(lines, receiver.log, strict=True):
        assert line.split()[1:] == [request.json["type"], request.headers["webhook-id"], "200"]


def test_what_is_forwarded_is_what_an_endpoint_gets(hub: Hub, receiver: HTTPServer) -> None:
    partner, secret = hub.partner(), new_secret()
    hub.endpoint(partner["id"], receiver.url_for("/hook"), "lead.created")
    with listening(hub, partner["key"], receiver.url_for("/hook"), "--secret", secret) as listener:
        assert listener.secret == secret
        assert trigger(hub, "lead.created", "--partner", str(partner["id"])).returncode == 0
        eventually(lambda: len(receiver.log) == 2)
    one, other = (request for request, _ in receiver.log)
    assert set(one.headers.keys()) == set(other.headers.keys())
    assert one.headers["User-Agent"] == other.headers["User-Agent"]
    assert one.headers["webhook-id"] == other.headers["webhook-id"]
    assert one.get_data() == other.get_data()


@pytest.mark.parametrize(("path", "said"), [("/broken", "500"), ("", "no answer: ClientConnectorError")])
def test_a_failure_is_shown_and_nothing_is_repeated(hub: Hub, receiver: HTTPServer, path: str, said: str) -> None:
    partner = hub.partner("margav")
    target = receiver.url_for(path) if path else "http://127.0.0.1:1/hook"
    with listening(hub, partner["key"], target) as listener:
        for event in ("lead.interested", "lead.created"):
            done = trigger(hub, event, "--partner", str(partner["id"]))
            assert "Sent to `hub listen` alone." in done.stderr
            assert listener.line().split(maxsplit=3)[1::2] == [event, said + "\n"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--key", "wrong"), "401"),
        (("--forward-to", "localhost:3000"), "--forward-to"),
        (("--url", "nowhere"), "--url"),
        (("--secret", "secret"), "--secret"),
    ],
)
def test_what_can_not_work_ends_at_once(hub: Hub, words: tuple[str, ...], said: str) -> None:
    given = {"--forward-to": "http://127.0.0.1:1", "--key": hub.partner()["key"], "--url": hub.url}
    given |= dict([words])
    done = run_command("listen", *(word for pair in given.items() for word in pair), env=hub.env)
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize("api", registry.names())
def test_a_sample_of_every_type_is_delivered(hub: Hub, receiver: HTTPServer, api: str) -> None:
    partner = hub.partner(api)
    endpoint = hub.endpoint(partner["id"], receiver.url_for("/hook"))
    for event in EVENT_TYPES:
        done = trigger(hub, event, "--partner", str(partner["id"]), "--json")
        assert json.loads(done.stdout) == [{"endpoint_id": endpoint["id"], "url": endpoint["url"]}]
    eventually(lambda: len(receiver.log) == len(EVENT_TYPES))
    bodies = [verified(request, endpoint["secret"]) for request, _ in receiver.log]
    assert {body["type"] for body in bodies} == set(EVENT_TYPES)
    for body in bodies:
        assert_documented(body)
        assert body["data"]["sample"] is True
    assert ("operator", "event.trigger", len(EVENT_TYPES)) in hub.query(
        "SELECT split_part(actor, ':', 1), action, count(*) FROM audit WHERE partner_id = $1 GROUP BY 1, 2",
        partner["id"],
    )


def test_a_campaigns_endpoint_gets_a_sample_of_its_own_payload(hub: Hub, receiver: HTTPServer) -> None:
    partner = hub.partner("squadiq")
    campaign = partner["campaign_id"]
    endpoint = hub.endpoint(partner["id"], receiver.url_for("/hook"), campaign=campaign)
    assert trigger(hub, "lead.processed", "--partner", str(partner["id"])).returncode == 0
    eventually(lambda: len(receiver.log) == 1)
    body = verified(receiver.log[0][0], endpoint["secret"])
    assert_documented(body)
    assert (body["campaign_id"], body["lead_id"]) == (campaign, "sample")
    refused = trigger(hub, "lead.created", "--partner", str(partner["id"]), "--endpoint", str(endpoint["id"]))
    assert (refused.returncode, "lead.processed alone" in refused.stderr) == (2, True)


def test_one_endpoint_can_be_chosen_whatever_its_types(hub: Hub, receiver: HTTPServer) -> None:
    partner = hub.partner()
    hub.endpoint(partner["id"], receiver.url_for("/broken"))
    chosen = hub.endpoint(partner["id"], receiver.url_for("/hook"), "lead.deleted")
    words = ("call.completed", "--partner", str(partner["id"]), "--endpoint", str(chosen["id"]))
    assert trigger(hub, *words).returncode == 0
    eventually(lambda: len(receiver.log) == 1)
    assert verified(receiver.log[0][0], chosen["secret"])["type"] == "call.completed"
    assert hub.query(
        "SELECT count(*) FROM delivery d JOIN event e ON e.id = event_id WHERE partner_id = $1", partner["id"]
    ) == [(1,)]


def test_a_sample_that_nobody_would_get_is_refused(hub: Hub, receiver: HTTPServer) -> None:
    partner, other = hub.partner(), hub.partner()
    mine, theirs = str(partner["id"]), hub.endpoint(other["id"], receiver.url_for("/hook"))
    off = hub.endpoint(partner["id"], receiver.url_for("/hook"))
    hub.query("UPDATE endpoint SET disabled_at = now() WHERE id = $1", off["id"])
    cases = {
        ("lead.sold", "--partner", mine): f"EVENT: lead.sold is unknown; there are {EVENT_TYPES[0]}",
        ("lead.created", "--partner", "999999999"): "--partner",
        ("lead.created", "--partner", mine): "no enabled endpoint",
        (
            "lead.created",
            "--partner",
            mine,
            "--endpoint",
            str(theirs["id"]),
        ): "--endpoint: this partner has no endpoint",
        ("lead.created", "--partner", mine, "--endpoint", str(off["id"])): "is disabled",
    }
    for words, said in cases.items():
        done = trigger(hub, *words)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert hub.query("SELECT count(*) FROM event WHERE partner_id = $1", partner["id"]) == [(0,)]
    triggered = "SELECT count(*) FROM audit WHERE partner_id = $1 AND action = 'event.trigger'"
    assert hub.query(triggered, partner["id"]) == [(0,)]
