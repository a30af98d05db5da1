"""What entries of a story name is a link to its page, in the console and in the portal."""

import re

from pytest_httpserver import HTTPServer

from tests.api.web.test_pages import signed_in, submitted
from tests.support.dialing import eventually
from tests.support.stack import Hub
from tests.support.web import Browser


def timeline(browser: Browser, path: str) -> str:
    return re.search(r'<ol class="timeline">(.*?)</ol>', browser.get(path).text, re.DOTALL)[1]


def links(text: str) -> list[tuple[str, str]]:
    return re.findall(r'<a href="([^"]+)">([^<]+)</a>', text)


def test_a_leads_entries_lead_to_request_delivery_and_dialer(hub: Hub, httpserver: HTTPServer) -> None:
    partner = hub.partner()
    httpserver.expect_request("/hook", method="POST").respond_with_data("ok")
    hub.endpoint(partner["id"], httpserver.url_for("/hook"))
    lead, request = submitted(hub, partner)
    boss, own = signed_in(hub, "viewer"), signed_in(hub, "viewer", partner["id"])
    path = f"/leads/{lead}"
    eventually(lambda: "arrived" in timeline(boss, path) or "200 in" in timeline(boss, path))
    [(delivery,)] = hub.query(
        "SELECT min(delivery.id) FROM delivery JOIN event ON event.id = event_id WHERE lead_id = $1", lead
    )
    for browser, area in ((boss, "console"), (own, "portal")):
        found = links(timeline(browser, path))
        assert (f"/{area}/requests/{request}", f"request {request}") in found
        assert (f"/{area}/deliveries/{delivery}", f"delivery {delivery}") in found
        for address, _ in found:
            assert address.startswith(f"/{area}/")
            assert (address, browser.session.get(hub.url + address, timeout=30).status_code) == (address, 200)
    hub.query("DELETE FROM delivery_attempt WHERE delivery_id = $1", delivery)
    hub.query("INSERT INTO journal (lead_id, what, actor, delivery_id) VALUES ($1, 'delivery.failed', 'hub', $2)", lead,
              delivery)  # fmt: skip
    hub.query("DELETE FROM delivery WHERE id = $1", delivery)  # as its age does
    gone = timeline(boss, path)
    assert f"delivery {delivery}" in gone
    assert f"/deliveries/{delivery}" not in gone


def test_a_dialer_is_a_link_for_operators_alone(hub: Hub) -> None:
    partner = hub.partner()
    lead, _ = submitted(hub, partner)
    [(dialer,)] = hub.query("SELECT dialer_id FROM campaign WHERE partner_id = $1", partner["id"])
    hub.query("UPDATE dialer SET name = '<b>x</b>' WHERE id = -1")
    hub.query("INSERT INTO journal (lead_id, what, actor, call_id, dialer_id) VALUES ($1, 'call.leased', 'hub', 1, $2)",
              lead, dialer)  # fmt: skip
    assert f'<a href="/console/dialers/{dialer}">dialer {dialer} (' in timeline(
        signed_in(hub, "viewer"), f"/leads/{lead}"
    )
    told = timeline(signed_in(hub, "viewer", partner["id"]), f"/leads/{lead}")
    assert ("its dialer took call 1" in told, "/dialers/" in told) == (True, False)


def test_a_discounts_entries_lead_to_its_request(hub: Hub) -> None:
    made, boss = hub.partner("leanpub"), signed_in(hub, "viewer")
    body = {"partnerId": made["partner_id"], "origin": made["origin"], "productId": made["product_id"],
            "recipient": {"firstName": "John", "lastName": "Smith", "email": "john@example.com"}}  # fmt: skip
    answer = hub.post("/api/v2/PartnerDiscountRequest", made["key"], body)
    discount, request = answer.json()["requestId"], answer.headers["x-request-id"]
    path = f"/discounts/{discount}"
    assert (f"/console/requests/{request}", f"request {request}") in links(timeline(boss, path))
    sql = "DELETE FROM journal WHERE discount_id = (SELECT id FROM discount WHERE public_id = $1)"
    hub.query(sql, discount)  # as of one that is older than the journal
    for address, _ in links(timeline(boss, path)):
        assert boss.session.get(hub.url + address, timeout=30).status_code == 200
