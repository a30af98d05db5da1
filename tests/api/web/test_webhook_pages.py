"""Webhooks on console and portal: how many arrived, those that fail first, programs that verify them."""

import re

import pytest
from pytest_httpserver import HTTPServer

from tests.api.web.test_pages import signed_in, submitted
from tests.support.dialing import eventually
from tests.support.stack import Hub
from tests.support.webhooks import command


def test_rates_are_shown_and_what_fails_comes_first(hub: Hub, httpserver: HTTPServer) -> None:
    partner = hub.partner()
    httpserver.expect_request("/good", method="POST").respond_with_data("ok")
    httpserver.expect_request("/bad", method="POST").respond_with_data("no", 500)
    bad = hub.endpoint(partner["id"], httpserver.url_for("/bad"))["id"]
    good = hub.endpoint(partner["id"], httpserver.url_for("/good"))["id"]
    own = signed_in(hub, partner=partner["id"])
    assert "None was sent" in own.get(f"/webhooks/{good}").text
    submitted(hub, partner)
    eventually(lambda: own.get("/webhooks").text.count(">0.0 %") == 2)
    eventually(lambda: ">100.0 %" in own.get("/webhooks").text)
    listed = re.findall(r"/portal/webhooks/(\d+)\"", own.get("/webhooks").text)
    assert listed[:3] == [str(bad), str(good), str(bad)]  # the failing one, then all, the newest first
    chart = own.get(f"/webhooks/{good}").text
    assert re.search(r'aria-label="\d\d:00 \d+ of \d+', chart)
    assert chart.count("<rect") == 48
    other = signed_in(hub, partner=hub.partner()["id"])
    assert re.findall(r"/portal/webhooks/(\d+)\"", other.get("/webhooks").text) == []


def test_an_endpoints_page_tells_where_counting_ended(hub: Hub) -> None:
    partner = hub.partner()
    endpoint = hub.endpoint(partner["id"], "http://127.0.0.1:9/hook")["id"]
    kept = """
        WITH told AS (
            INSERT INTO event (public_id, partner_id, type)
            SELECT gen_random_uuid()::text, $1::bigint, 'lead.created' FROM generate_series(1, 10001) RETURNING id
        ) INSERT INTO delivery (event_id, endpoint_id, state) SELECT id, $2::bigint, 'waiting' FROM told
    """
    command(hub, "endpoint", "disable", endpoint)
    hub.query(kept, partner["id"], endpoint)
    page = signed_in(hub, "viewer", partner["id"]).get(f"/webhooks/{endpoint}").text
    assert "10,000+ deliveries wait" in page
    assert command(hub, "endpoint", "show", endpoint)["waiting"] == 10_001
    hub.query("DELETE FROM delivery WHERE endpoint_id = $1", endpoint)


def test_an_endpoints_page_has_programs_that_verify(hub: Hub) -> None:
    partner = hub.partner()
    endpoint = hub.endpoint(partner["id"], "http://127.0.0.1:9/hook")["id"]
    page = signed_in(hub, "viewer", partner["id"]).get(f"/webhooks/{endpoint}").text
    for word in (
        "WebhookVerificationError",
        "require(&#34;standardwebhooks&#34;)",
        "WebhookVerificationException",
        "hash_hmac",
    ):
        assert word in page


@pytest.mark.parametrize(
    ("api", "some", "none"),
    [
        ("partner_api", {"lead.processed", "endpoint.test"}, {"lead.converted", "discount.sent"}),
        ("squadiq", {"lead.converted", "squadiq.lead.processed"}, {"discount.sent"}),
        ("margav", {"lead.interested"}, {"call.completed", "lead.processed", "discount.sent"}),
        ("leanpub", {"discount.sent", "discount.failed", "endpoint.disabled"}, {"lead.created"}),
    ],
)
def test_a_portal_documents_the_events_that_its_api_causes(hub: Hub, api: str, some: set[str], none: set[str]) -> None:
    docs = signed_in(hub, "viewer", hub.partner(api)["id"]).get("/docs").text
    shown = set(re.findall(r"<summary><code>([a-z.]+)</code>", docs))
    assert some <= shown
    assert not none & shown
    assert "&#34;timestamp&#34;" in docs


def test_a_partner_chooses_among_the_events_of_its_api(hub: Hub) -> None:
    for api, offered, others in (("comunik8", "lead.created", "discount.sent"), ("leanpub", "discount.sent", "call.")):
        page = signed_in(hub, partner=hub.partner(api)["id"]).get("/webhooks").text
        assert f'value="{offered}' in page
        assert f'value="{others}' not in page
        assert "SquadIQ campaign" not in page
    assert "SquadIQ campaign" in signed_in(hub, partner=hub.partner("squadiq")["id"]).get("/webhooks").text
