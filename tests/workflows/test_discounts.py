"""A discount request ends in one coupon and one mail, whatever fails at Leanpub or the mail server."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook
from temporalio.client import Client

from hub.discounts import OPERATORS_REASON
from tests.fakes.leanpub import Fault
from tests.support.dialing import eventually
from tests.support.operators import admin_key, command, document, post
from tests.support.outside import DROP
from tests.support.shop import SANDBOX, Shop
from tests.support.stack import Hub
from tests.support.webhook_models import assert_documented


def test_the_buyer_gets_one_mail_with_a_coupon_that_leanpub_knows(shop: Shop) -> None:
    request = shop.ask("zoe@example.com", transactionId="T-1")
    shop.becomes(request, "sent")
    [mail] = shop.outside.postman.to("zoe@example.com")
    code = shop.code(request)
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]
    for part in (text, html):
        assert "Zoë" in part
        assert f"https://leanpub.com/foobar/c/{code}" in part
    assert mail["From"] == "Acme Discounts <discounts@acme.example.com>"
    assert (mail["To"], mail["Reply-To"]) == ("Zoë Smith <zoe@example.com>", "help@acme.example.com")
    assert (mail["Message-ID"], mail["Auto-Submitted"]) == (f"<discount.{request}@acme.example.com>", "auto-generated")
    coupon = shop.outside.leanpub.coupons["foobar"][code]
    assert (coupon["max_uses"], coupon["note"]) == (1, f"request {request}")
    assert coupon["package_discounts"] == [{"package_slug": "book", "discounted_price": 9.99}]


@pytest.mark.parametrize("ready", [True, False])
@pytest.mark.parametrize("asked", [..., True], ids=["left out", "true"])
def test_sandbox_makes_no_coupon_and_mails_no_buyer(shop: Shop, *, ready: bool, asked: Any) -> None:
    shop.hub.query("UPDATE partner SET production_ready = $1 WHERE id = $2", ready, shop.partner["id"])
    before = len(shop.outside.leanpub.requests)
    request = shop.ask("buyer@example.com", sandboxMode=asked, transactionId=f"T-sandbox-{ready}-{asked}")
    shop.becomes(request, "sent")
    assert shop.outside.postman.to("buyer@example.com") == []
    mail = shop.outside.postman.to(SANDBOX)[-1]
    assert shop.code(request) in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert (shop.code(request)[:7], mail["Subject"][:9]) == ("SANDBOX", "[Sandbox]")
    for part in ("plain", "html"):
        text = unescape(mail.get_body((part,)).get_content())  # type: ignore[union-attr]
        for fact in (request, "T-sandbox", "Zoë Smith <buyer@example.com>", "Acme Discounts (discounts@acme"):
            assert fact in text
    assert len(shop.outside.leanpub.requests) == before


def test_a_partner_who_is_not_ready_any_more_gets_no_coupon(shop: Shop) -> None:
    shop.outside.leanpub.next(Fault(status=429, headers={"Retry-After": "1"}))
    request = shop.ask("late@example.com")
    shop.hub.query("UPDATE partner SET production_ready = false WHERE id = $1", shop.partner["id"])
    shop.becomes(request, "failed")
    assert shop.state(request)[1] == "the partner is not production-ready any more"
    assert shop.outside.postman.to("late@example.com") == []


def test_a_partner_who_is_not_ready_any_more_after_the_coupon_gets_no_mail(shop: Shop) -> None:
    shop.outside.postman.on_recipient.append("451 4.7.1 later")
    request = shop.ask("between@example.com")
    eventually(lambda: not shop.outside.postman.on_recipient)
    before = len(shop.outside.postman.to(SANDBOX))
    shop.hub.query("UPDATE partner SET production_ready = false WHERE id = $1", shop.partner["id"])
    shop.becomes(request, "failed")
    assert shop.state(request)[1] == "the partner is not production-ready any more"
    assert (shop.outside.postman.to("between@example.com"), len(shop.outside.postman.to(SANDBOX))) == ([], before)


def test_a_replay_gets_the_first_response(shop: Shop) -> None:
    headers = {"Idempotency-Key": "before-the-change"}
    first = shop.send("replay@example.com", headers=headers)
    shop.hub.query("DELETE FROM origin WHERE partner_id = $1", shop.partner["id"])
    assert shop.send("replay@example.com", headers=headers).content == first.content
    assert shop.send("other@example.com", headers=headers).status_code == 422
    assert shop.send("other@example.com").json()["code"] == 404


def test_the_order_of_a_payloads_keys_does_not_matter(shop: Shop) -> None:
    person = {"firstName": "Zoë", "lastName": "Smith", "email": "order@example.com"}
    turned = dict(reversed(person.items()))
    first = shop.ask("", transactionId="T-order", recipient=person)
    assert shop.ask("", transactionId="T-order", recipient=turned) == first


def test_a_repeat_makes_no_second_coupon_and_no_second_mail(shop: Shop) -> None:
    first = shop.ask("twice@example.com", transactionId="T-2")
    assert shop.ask("twice@example.com", transactionId="T-2") == first
    assert shop.ask("twice@example.com", transactionId="T-3") != first
    without = {shop.ask("thrice@example.com") for _ in range(2)}
    assert len(without) == 2
    eventually(lambda: len(shop.outside.postman.to("thrice@example.com")) == 2)
    eventually(lambda: len(shop.outside.postman.to("twice@example.com")) == 2)
    # Another partner's transaction of the same name is another one.
    other = Shop(shop.hub, shop.outside, shop.hub.partner("leanpub", production_ready=True))
    assert other.ask("twice@example.com", transactionId="T-2") != first


def test_of_many_identical_requests_at_once_one_is_fulfilled(shop: Shop) -> None:
    with ThreadPoolExecutor(10) as pool:
        requests_ = set(pool.map(lambda _: shop.ask("many@example.com", transactionId="T-many"), range(20)))
    assert len(requests_) == 1
    shop.becomes(requests_.pop(), "sent")
    assert len(shop.outside.postman.to("many@example.com")) == 1


def test_a_workflow_whose_request_was_never_committed_ends_by_itself(shop: Shop) -> None:
    async def run() -> str:
        client = await Client.connect(shop.hub.temporal)
        [(deployment,)] = shop.hub.query("SELECT id FROM deployment")
        ref = {"discount_id": 10**12, "partner_id": shop.partner["id"]}
        queue = f"hub-discounts-{deployment}"
        return str(await client.execute_workflow("DiscountWorkflow", ref, id="never-stored", task_queue=queue))

    assert asyncio.run(run()).startswith("never stored")


def test_a_request_whose_workflow_was_terminated_is_fulfilled_all_the_same(shop: Shop) -> None:
    shop.outside.postman.on_recipient.append("451 4.7.1 later")
    request = shop.ask("terminated@example.com")
    eventually(lambda: not shop.outside.postman.on_recipient)
    ids = "SELECT concat_ws('-', 'discount', discount.id, workflow_token, deployment.id) FROM discount, deployment"
    [(workflow_id,)] = shop.hub.query(f"{ids} WHERE public_id = $1", request)

    async def terminate() -> None:
        client = await Client.connect(shop.hub.temporal)
        await client.get_workflow_handle(workflow_id).terminate("by the test")

    asyncio.run(terminate())
    # Late enough for the next sweep.
    shop.hub.query("UPDATE discount SET created_at = now() - interval '1 minute' WHERE public_id = $1", request)
    shop.becomes(request, "sent")
    assert len(shop.outside.postman.to("terminated@example.com")) == 1
    assert shop.code(request) in shop.outside.leanpub.coupons["foobar"]


def test_an_idempotency_key_gives_the_first_answer_again(shop: Shop) -> None:
    answers = [shop.send("key@example.com", headers={"Idempotency-Key": "k"}).content for _ in range(2)]
    assert answers[0] == answers[1]
    eventually(lambda: len(shop.outside.postman.to("key@example.com")) == 1)


LATE = Fault(made=True, cut=True)
BROKEN = Fault(status=503)


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([LATE], id="made, and the answer lost"),
        pytest.param([Fault(made=True, status=500)], id="made, and a 500"),
        pytest.param([BROKEN], id="not made, and a 503"),
        pytest.param([LATE, BROKEN], id="made, the answer lost, and the list broken"),
        pytest.param([Fault(status=429, headers={"Retry-After": "1"})], id="busy"),
    ],
)
def test_doubtful_coupons_are_looked_up_and_made_once(shop: Shop, faults: list[Fault]) -> None:
    before = set(shop.outside.leanpub.codes)
    shop.outside.leanpub.next(*faults)
    request = shop.ask("doubt@example.com")
    shop.becomes(request, "sent")
    assert set(shop.outside.leanpub.codes) - before == {shop.code(request)}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(status=401), "bad API key"),
        (Fault(status=404), "no such book"),
        (Fault(status=422, body='{"errors": {"base": ["no"]}}'), "coupon not valid"),
    ],
)
def test_what_leanpub_refuses_fails_with_an_event(shop: Shop, fault: Fault, reason: str) -> None:
    with HTTPServer(host="127.0.0.1") as receiver:
        receiver.expect_request("/hook").respond_with_data("ok")
        endpoint = shop.hub.endpoint(shop.partner["id"], receiver.url_for("/hook"))
        shop.outside.leanpub.next(fault)
        request = shop.ask("refused@example.com", transactionId="T-9")
        eventually(lambda: len(receiver.log) == 1)
        webhook = receiver.log[0][0]
        event = Webhook(endpoint["secret"]).verify(webhook.get_data(as_text=True), dict(webhook.headers))
    assert (event["type"], event["data"]["requestId"]) == ("discount.failed", request)
    assert_documented(event)
    # Books and keys at Leanpub are the operator's alone.
    assert (event["data"]["transactionId"], event["data"]["reason"]) == ("T-9", OPERATORS_REASON)
    assert shop.state(request) == ("failed", f"Leanpub refused the coupon: {reason}")
    assert shop.outside.postman.to("refused@example.com") == []


def test_a_refused_recipient_is_told_without_the_servers_codes(shop: Shop) -> None:
    with HTTPServer(host="127.0.0.1") as receiver:
        receiver.expect_request("/hook").respond_with_data("ok")
        shop.hub.endpoint(shop.partner["id"], receiver.url_for("/hook"), "discount.failed")
        shop.outside.postman.on_recipient.append("550 5.1.1 <nobody@example.com>: unknown")
        shop.ask("nobody@example.com")
        eventually(lambda: len(receiver.log) == 1)
        event = receiver.log[0][0].get_json()
    assert event["data"]["reason"] == "the recipient's mail server refused it"


def test_after_a_failure_before_coupon_and_mail_a_repeat_is_a_new_try(shop: Shop) -> None:
    shop.outside.leanpub.next(Fault(status=401))
    first = shop.ask("retry@example.com", transactionId="T-retry")
    shop.becomes(first, "failed")
    second = shop.ask("retry@example.com", transactionId="T-retry")
    assert second != first
    shop.becomes(second, "sent")
    assert shop.ask("retry@example.com", transactionId="T-retry") == second
    assert len(shop.outside.postman.to("retry@example.com")) == 1


def test_after_a_failure_with_a_coupon_a_repeat_is_no_new_try(shop: Shop) -> None:
    shop.outside.postman.on_recipient.append("550 5.1.1 unknown")
    first = shop.ask("gone-again@example.com", transactionId="T-gone")
    shop.becomes(first, "failed")
    assert shop.ask("gone-again@example.com", transactionId="T-gone") == first


def test_a_sent_mail_is_reported_by_an_event(shop: Shop) -> None:
    with HTTPServer(host="127.0.0.1") as receiver:
        receiver.expect_request("/hook").respond_with_data("ok")
        endpoint = shop.hub.endpoint(shop.partner["id"], receiver.url_for("/hook"), "discount.sent")
        request = shop.ask("event@example.com")
        eventually(lambda: len(receiver.log) == 1)
        webhook = receiver.log[0][0]
        event = Webhook(endpoint["secret"]).verify(webhook.get_data(as_text=True), dict(webhook.headers))
    assert (event["type"], event["data"]["requestId"]) == ("discount.sent", request)
    assert_documented(event)
    assert "event@example.com" not in webhook.get_data(as_text=True)


def test_greylisting_only_delays(shop: Shop) -> None:
    shop.outside.postman.on_recipient.append("451 4.7.1 <grey@example.com>: greylisted")
    request = shop.ask("grey@example.com")
    shop.becomes(request, "sent")
    assert len(shop.outside.postman.to("grey@example.com")) == 1


def test_after_five_days_of_deferral_it_is_given_up(shop: Shop) -> None:
    shop.outside.postman.on_recipient.append("451 4.7.1 later")
    request = shop.ask("never@example.com")
    sql = "SELECT mail_state, mails_sent FROM discount WHERE public_id = $1"
    eventually(lambda: not shop.outside.postman.on_recipient and shop.hub.query(sql, request) == [("none", 0)])
    shop.outside.postman.on_recipient.append("451 4.7.1 later")
    shop.hub.query("UPDATE discount SET created_at = created_at - interval '6 days' WHERE public_id = $1", request)
    shop.becomes(request, "failed")
    assert shop.state(request)[1] == "no mail server took it within five days: recipient: 451 4.7.1"


@pytest.mark.parametrize("phase", ["on_recipient", "on_message"])
def test_a_refused_mail_is_failed_at_once(shop: Shop, phase: str) -> None:
    getattr(shop.outside.postman, phase).append("550 5.1.1 <gone@example.com>: unknown")
    request = shop.ask("gone@example.com")
    shop.becomes(request, "failed")
    [(why,)] = shop.hub.query("SELECT why FROM discount WHERE public_id = $1", request)
    assert (why.endswith("550 5.1.1"), "gone@example.com" in why) == (True, False)
    assert shop.outside.postman.to("gone@example.com") == []


def test_a_doubtful_mail_goes_out_once_more_with_the_same_coupon_and_id(shop: Shop) -> None:
    shop.outside.postman.on_message.append(DROP)
    request = shop.ask("again@example.com")
    shop.becomes(request, "sent")
    first, second = shop.outside.postman.to("again@example.com")
    assert first.as_bytes().split(b"boundary")[0] == second.as_bytes().split(b"boundary")[0]
    for name in ("Message-ID", "Date", "Subject"):
        assert first[name] == second[name]
    assert all(shop.code(request) in mail.get_body(("plain",)).get_content() for mail in (first, second))  # type: ignore[union-attr]


def test_a_mail_that_is_doubtful_twice_is_never_sent_a_third_time(shop: Shop) -> None:
    shop.outside.postman.on_message.extend([DROP, DROP])
    request = shop.ask("twice-doubtful@example.com")
    shop.becomes(request, "failed")
    assert "twice" in shop.state(request)[1]
    assert len(shop.outside.postman.to("twice-doubtful@example.com")) == 2


def test_temporal_shows_the_steps_and_no_personal_data(shop: Shop) -> None:
    request = shop.ask("private.person@example.com", transactionId="T-secret")
    shop.becomes(request, "sent")
    [(discount,)] = shop.hub.query("SELECT id FROM discount WHERE public_id = $1", request)
    raw, found = asyncio.run(_history(shop.hub, discount))
    for trace in ("private.person", "Zoë", "Smith", "T-secret", shop.code(request)):
        assert trace.encode() not in raw
    assert found["result"] == "sent: coupon: made at Leanpub; the mail server answered 250 2.0.0"
    assert found["attributes"] == {"HubApi": "leanpub", "HubPartner": str(shop.partner["id"]), "HubStage": "sent"}


async def _history(hub: Hub, discount: int) -> tuple[bytes, dict[str, Any]]:
    client = await Client.connect(hub.temporal)
    query = f"WorkflowId STARTS_WITH 'discount-{discount}-'"
    ids: list[str] = []
    for _ in range(100):  # the list lags behind
        ids = [workflow.id async for workflow in client.list_workflows(query)]
        if ids:
            break
        await asyncio.sleep(0.1)
    handle = client.get_workflow_handle(ids[0])
    history = await handle.fetch_history()
    described = await handle.describe()
    pairs = {pair.key.name: pair.value for pair in described.typed_search_attributes}
    attributes = {name: value for name, value in pairs.items() if name.startswith("Hub")}
    raw = b"".join(event.SerializeToString() for event in history.events)
    return raw, {"result": await handle.result(), "attributes": attributes}


def test_an_erased_request_is_mailed_to_nobody_and_nothing_is_left_of_its_recipient(shop: Shop) -> None:
    postman, buyer, key = shop.outside.postman, "forget-me@example.com", admin_key(shop.hub)
    postman.on_recipient += ["451 4.7.1 later", "451 4.7.1 later"]  # the second try comes after two seconds
    with HTTPServer(host="127.0.0.1") as receiver:
        receiver.expect_request("/").respond_with_data("thanks")
        shop.hub.endpoint(shop.partner["id"], receiver.url_for("/"))
        request = shop.ask(buyer, headers={"Idempotency-Key": "once"}, transactionId="T-9")
        eventually(lambda: len(postman.on_recipient) < 2)
        answer = post(shop.hub, f"/v1/discounts/{request}/erase", key)
        assert answer.status_code == 200, answer.text
        again = document(command(shop.hub, "discount", "erase", request, "--json"))
        assert again["erased_at"] == answer.json()["erased_at"].replace("Z", "+00:00")

        [(discount,)] = shop.hub.query("SELECT id FROM discount WHERE public_id = $1", request)
        eventually(lambda: (asyncio.run(_result(shop.hub, discount)) or "").startswith("erased: "))
        assert receiver.log == []
    postman.on_recipient.clear()
    assert postman.to(buyer) == []
    assert shop.state(request) == ("erased", "erased by an operator")
    kept = "SELECT wrapped_key, recipient, email_hash, repeat_hash FROM discount WHERE id = $1"
    assert shop.hub.query(kept, discount) == [(None, None, None, None)]
    about = "SELECT wrapped_key, body, answer, fingerprint FROM submission WHERE discount_id = $1"
    assert shop.hub.query(about, discount) == [(None, None, None, b"")]
    repeated = shop.send(buyer, headers={"Idempotency-Key": "once"}, transactionId="T-9")
    assert (repeated.status_code, repeated.json()) == (404, {"message": "This discount request was erased"})
    anew = shop.ask(buyer, transactionId="T-9")
    assert anew != request, "what was erased may be asked for anew"
    shop.becomes(anew, "sent")


def test_an_erased_request_that_waits_for_its_next_try_ends_at_once(shop: Shop) -> None:
    leanpub = shop.outside.leanpub
    leanpub.next(Fault(status=429, headers={"Retry-After": "3600"}))
    request = shop.ask("waits@example.com")
    eventually(lambda: not leanpub.faults)
    document(command(shop.hub, "discount", "erase", request, "--json"))
    [(discount,)] = shop.hub.query("SELECT id FROM discount WHERE public_id = $1", request)
    eventually(lambda: asyncio.run(_result(shop.hub, discount)) == "erased: nothing is done for it any more")
    assert shop.outside.postman.to("waits@example.com") == []
    assert shop.code(request) not in leanpub.coupons["foobar"]


def test_a_sent_discount_is_erased_with_its_events_and_what_was_answered_to_them(shop: Shop) -> None:
    with HTTPServer(host="127.0.0.1") as receiver:
        receiver.expect_request("/").respond_with_data("thanks, Zoë")
        shop.hub.endpoint(shop.partner["id"], receiver.url_for("/"))
        request = shop.ask("sent@example.com")
        shop.becomes(request, "sent")
        answered = "SELECT count(answer) FROM delivery_attempt JOIN delivery ON delivery.id = delivery_id JOIN event"
        answered += " ON event.id = event_id JOIN discount ON discount.id = discount_id WHERE discount.public_id = $1"
        eventually(lambda: shop.hub.query(answered, request) == [(1,)])
    document(command(shop.hub, "discount", "erase", request, "--json"))
    assert shop.hub.query(answered, request) == [(0,)]
    bodies = "SELECT event.body FROM event JOIN discount ON discount.id = discount_id WHERE discount.public_id = $1"
    assert shop.hub.query(bodies, request) == [(None,)]


async def _result(hub: Hub, discount: int) -> str | None:
    """How the discount's workflow ended, None while it has not."""
    client = await Client.connect(hub.temporal)
    async for each in client.list_workflows("WorkflowType = 'DiscountWorkflow' AND ExecutionStatus = 'Completed'"):
        if each.id.startswith(f"discount-{discount}-"):
            return str(await client.get_workflow_handle(each.id).result())
    return None
