"""An acknowledged discount request ends in one coupon and one mail, whichever process is killed at which step."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.dialing import eventually
from tests.fakes.leanpub import API_KEY, Fault
from tests.machine import Machine, machine
from tests.outside import HANG, Outside, running_outside

PATH = "/api/v2/PartnerDiscountRequest"
BUYER = "zoe@example.com"


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


def ask(whole: Machine, **headers: str) -> requests.Response:
    """By a new partner, who is production-ready."""
    partner = whole.hub.partner("leanpub", production_ready=True)
    body = {
        "partnerId": partner["partner_id"],
        "origin": partner["origin"],
        "productId": partner["product_id"],
        "sandboxMode": False,
        "recipient": {"firstName": "Zoë", "lastName": "Smith", "email": BUYER},
    }
    return requests.post(whole.hub.url + PATH, json=body, headers={"x-api-key": partner["key"], **headers}, timeout=30)


def states(whole: Machine) -> list[str]:
    return [state for (state,) in whole.hub.query("SELECT state FROM discount")]


def before_anything(whole: Machine, _: Outside) -> None:
    whole.kill("worker")
    assert ask(whole).json()["code"] == 0


def while_leanpub_makes_it(whole: Machine, outside: Outside) -> None:
    outside.leanpub.next(Fault(made=True, delay=60))
    assert ask(whole).json()["code"] == 0
    eventually(lambda: len(outside.leanpub.codes) == 1)
    whole.kill("worker")


def before_the_server_has_the_mail(whole: Machine, outside: Outside) -> None:
    outside.postman.on_recipient.append(HANG)
    assert ask(whole).json()["code"] == 0
    eventually(lambda: not outside.postman.on_recipient)
    whole.kill("worker")


@pytest.mark.parametrize("moment", [before_anything, while_leanpub_makes_it, before_the_server_has_the_mail])
def test_a_killed_worker_costs_nobody_anything(
    whole: Machine, outside: Outside, moment: Callable[[Machine, Outside], None]
) -> None:
    moment(whole, outside)
    whole.start("worker")
    eventually(lambda: states(whole) == ["sent"])
    assert (len(outside.leanpub.codes), len(outside.postman.to(BUYER))) == (1, 1)


def test_a_worker_killed_after_the_handover_sends_the_same_mail_once_more(whole: Machine, outside: Outside) -> None:
    outside.postman.on_message.append(HANG)
    assert ask(whole).json()["code"] == 0
    eventually(lambda: len(outside.postman.to(BUYER)) == 1)
    whole.kill("worker")
    whole.start("worker")
    eventually(lambda: states(whole) == ["sent"])
    first, second = outside.postman.to(BUYER)
    assert first["Message-ID"] == second["Message-ID"]
    assert len(outside.leanpub.codes) == 1


def test_without_temporal_nothing_is_promised_and_nothing_is_stored(whole: Machine, outside: Outside) -> None:
    whole.kill("temporal")
    refused = ask(whole, **{"Idempotency-Key": "k"})
    assert (refused.status_code, refused.json()["code"]) == (200, 501)
    assert refused.json()["message"] == "Failed to schedule job"
    assert states(whole) == []
    assert whole.hub.query("SELECT count(*) FROM submission") == [(0,)]
    whole.start("temporal")
    deadline = time.monotonic() + 60
    while ask(whole).json()["code"] != 0:
        assert time.monotonic() < deadline
    eventually(lambda: states(whole) == ["sent"])
    assert len(outside.postman.to(BUYER)) == 1
