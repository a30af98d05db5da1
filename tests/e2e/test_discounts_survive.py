"""An acknowledged discount request ends in one coupon and one mail, whichever process is killed at which step."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.fakes.leanpub import API_KEY, Fault
from tests.support.dialing import eventually
from tests.support.machine import Machine, machine
from tests.support.outside import HANG, Outside, running_outside

PATH = "/api/v2/PartnerDiscountRequest"


@pytest.fixture
def outside() -> Iterator[Outside]:
    with running_outside() as found:
        yield found


@pytest.fixture
def whole(database: str, outside: Outside, tmp_path: Path) -> Iterator[Machine]:
    world = {
        "HUB_SMTP_PORT": str(outside.smtp_port),
        "HUB_LEANPUB_URL": outside.leanpub.url,
        "HUB_LEANPUB_API_KEY": API_KEY,
    }
    with machine(database, tmp_path, **world) as found:
        yield found


def ask(whole: Machine, email: str, **headers: str) -> requests.Response:
    """By a new partner, who is production-ready."""
    partner = whole.hub.partner("leanpub", production_ready=True)
    body = {
        "partnerId": partner["partner_id"],
        "origin": partner["origin"],
        "productId": partner["product_id"],
        "sandboxMode": False,
        "recipient": {"firstName": "Zoë", "lastName": "Smith", "email": email},
    }
    return requests.post(whole.hub.url + PATH, json=body, headers={"x-api-key": partner["key"], **headers}, timeout=30)


def states(whole: Machine) -> list[str]:
    return [state for (state,) in whole.hub.query("SELECT state FROM discount")]


def test_a_worker_killed_at_every_step_costs_nobody_anything(whole: Machine, outside: Outside) -> None:
    """Four requests, each caught at another step by one kill -9."""
    postman, leanpub = outside.postman, outside.leanpub
    postman.on_message.append(HANG)
    assert ask(whole, "taken@example.com").json()["code"] == 0
    eventually(lambda: len(postman.to("taken@example.com")) == 1)
    postman.on_recipient.append(HANG)
    assert ask(whole, "talking@example.com").json()["code"] == 0
    eventually(lambda: not postman.on_recipient)
    leanpub.next(Fault(made=True, delay=60))
    assert ask(whole, "making@example.com").json()["code"] == 0
    eventually(lambda: len(leanpub.codes) == 3)
    whole.kill("worker")
    assert ask(whole, "waiting@example.com").json()["code"] == 0

    whole.start("worker")
    eventually(lambda: states(whole) == ["sent"] * 4)
    assert len(leanpub.codes) == 4
    first, second = postman.to("taken@example.com")
    assert first["Message-ID"] == second["Message-ID"]
    for once in ("talking", "making", "waiting"):
        assert len(postman.to(f"{once}@example.com")) == 1


def test_without_temporal_nothing_is_promised_and_nothing_is_stored(whole: Machine, outside: Outside) -> None:
    whole.kill("temporal")
    refused = ask(whole, "zoe@example.com", **{"Idempotency-Key": "k"})
    assert (refused.status_code, refused.json()["code"]) == (200, 501)
    assert refused.json()["message"] == "Failed to schedule job"
    assert states(whole) == []
    assert whole.hub.query("SELECT count(*) FROM submission WHERE weight > 0") == [(0,)]
    whole.start("temporal")
    deadline = time.monotonic() + 60
    while ask(whole, "zoe@example.com").json()["code"] != 0:
        assert time.monotonic() < deadline
    eventually(lambda: states(whole) == ["sent"])
    assert len(outside.postman.to("zoe@example.com")) == 1
