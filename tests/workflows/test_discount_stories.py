"""`hub discount`: what became of a request, coupon and mail; a failed one runs again without a second coupon."""

import json
import os
from typing import Any

from tests.fakes.leanpub import Fault
from tests.support.command import run_command
from tests.support.outside import DROP
from tests.support.shop import Shop


def run(shop: Shop, *words: str) -> Any:
    """What the command printed, and its exit code."""
    done = run_command("discount", *words, "--json", env={**os.environ, **shop.hub.env})
    return json.loads(done.stdout), done.returncode


def steps(story: dict[str, Any]) -> list[tuple[str, str]]:
    return [(entry["what"], entry["by"].partition(":")[0]) for entry in story["timeline"]]


def test_a_request_is_told_from_its_partner_to_the_mail(shop: Shop) -> None:
    request = shop.ask("zoe.story@example.com", transactionId="T-story")
    shop.becomes(request, "sent")
    story, code = run(shop, "show", request)
    assert code == 0
    hub = [("coupon.made", "hub"), ("mail.sending", "hub"), ("discount.sent", "hub")]
    assert steps(story) == [("discount.requested", "partner"), *hub]
    assert story["timeline"][0]["request_id"] == request
    assert story["coupon"] | {"ends_on": None} == {"code": shop.code(request), "state": "made", "ends_on": None}
    assert story["mail"] == {"state": "sent", "sent": 1, "doubtful": False}
    assert (story["name"], story["email"], story["transaction_id"]) == ("Z. S.", "z***@***", "T-story")
    people = run_command("discount", "show", request, env={**os.environ, **shop.hub.env, "COLUMNS": "80"}).stdout
    assert "the mail server took the mail" in people
    assert max(map(len, people.splitlines())) <= 80
    assert run(shop, "retry", request) == ({"error": "REQUEST_ID: it is sent; only a failed one can run again."}, 2)
    assert run(shop, "show", "nobody")[1] == 2


def test_a_failed_request_runs_again_with_the_coupon_that_it_has(shop: Shop) -> None:
    shop.outside.postman.on_recipient.append("550 5.1.1 unknown")
    request = shop.ask("mended@example.com")
    shop.becomes(request, "failed")
    coupons = set(shop.outside.leanpub.codes)
    assert run(shop, "retry", request)[0]["state"] == "taken"
    shop.becomes(request, "sent")
    assert set(shop.outside.leanpub.codes) == coupons
    assert len(shop.outside.postman.to("mended@example.com")) == 1
    story, _ = run(shop, "show", request)
    assert ("discount.taken", "operator") in steps(story)
    assert shop.hub.query("SELECT action FROM audit WHERE subject_id = $1", request) == [("discount.retry",)]


def test_a_mail_that_may_have_arrived_is_sent_again_only_on_an_operators_word(shop: Shop) -> None:
    shop.outside.postman.on_message.extend([DROP, DROP])
    request = shop.ask("doubtful.retry@example.com")
    shop.becomes(request, "failed")
    story, _ = run(shop, "show", request)
    assert story["mail"]["doubtful"]
    assert "may have gone out" in story["now"]["text"]
    refused, code = run(shop, "retry", request)
    assert (code, refused["error"].startswith("--mail-again: a mail of it may have arrived")) == (2, True)
    assert run(shop, "retry", request, "--mail-again")[1] == 0
    shop.becomes(request, "sent")
    assert len(shop.outside.postman.to("doubtful.retry@example.com")) == 3


def test_what_its_partner_has_repeated_does_not_run_again(shop: Shop) -> None:
    shop.outside.leanpub.next(Fault(status=401))
    first = shop.ask("repeated@example.com", transactionId="T-repeated")
    shop.becomes(first, "failed")
    second = shop.ask("repeated@example.com", transactionId="T-repeated")
    refused, _ = run(shop, "retry", first)
    assert refused == {"error": f"REQUEST_ID: its partner has repeated it: see {second}."}
    shop.becomes(second, "sent")


def test_an_erased_request_is_told_without_its_recipient(shop: Shop) -> None:
    request = shop.ask("erased.story@example.com", transactionId="T-erased")
    shop.becomes(request, "sent")
    assert run(shop, "erase", request)[1] == 0
    story, _ = run(shop, "show", request)
    assert steps(story)[-1] == ("discount.erased", "operator")
    assert [story[name] for name in ("name", "email", "transaction_id")] == [None, None, None]
