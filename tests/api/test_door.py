"""What every route asks of a request before it looks at what it means, the hub's own routes included."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.support.squadiq import Sender
from tests.support.stack import Hub

OWN = ("calls:lease", "calls:heartbeat", "calls:report", "calls/1/outcome")
MIB = 1024 * 1024


class Route:
    """One POST route with a key that opens it."""

    def __init__(self, hub: Hub, path: str, headers: dict[str, str], key: str) -> None:
        self.url, self.headers, self.key = hub.url + path, headers, key

    def post(self, body: bytes | Iterator[bytes], **headers: str) -> requests.Response:
        return requests.post(self.url, body, headers={**self.headers, **headers}, timeout=30)


@pytest.fixture(scope="module")
def routes(hub: Hub) -> list[Route]:
    squadiq, dialer = hub.partner("squadiq"), hub.dialer_key()
    found = [
        Route(hub, "/api/leads/partner-transfer", {"X-API-Key": hub.partner()["key"]}, "detail"),
        Route(hub, "/api/leads/from-dialer/", {"X-Dialer-Api-Key": hub.partner("margav")["key"]}, "error"),
        Route(hub, "/lead/add", {"X-API-Key": hub.partner("comunik8")["key"]}, "error"),
        Route(hub, "/lead/cancel", {"X-API-Key": hub.partner("comunik8")["key"]}, "error"),
        Route(hub, "/api/v2/PartnerDiscountRequest", {"x-api-key": hub.partner("leanpub")["key"]}, "message"),
    ]
    for operation in ("create", "disable", "delete", "convert"):
        path = f"/api/v4/leads/{operation}/{squadiq['campaign_id']}/"
        found.append(Route(hub, path, {"Authorization": f"Bearer {squadiq['token']}"}, "detail"))
    own = {"Authorization": f"Bearer {dialer}"}
    return found + [Route(hub, f"/v1/dialer/{path}", own, "detail") for path in OWN]


BAD = {
    "not JSON": b"leads",
    "NaN": b'{"a": NaN}',
    "doubled key": b'{"a": 1, "a": 2}',
    "deep": b'{"a":' + b"[" * 40 + b"]" * 40 + b"}",
    "NUL": b'{"a": "\\u0000"}',
}


@pytest.mark.parametrize("what", BAD)
def test_every_route_reads_strict_json(routes: list[Route], what: str) -> None:
    for route in routes:
        answer = route.post(BAD[what])
        assert (answer.status_code, list(answer.json())) == (400, [route.key]), route.url


def test_every_route_refuses_what_is_compressed(routes: list[Route]) -> None:
    for route in routes:
        answer = route.post(b"{}", **{"Content-Encoding": "gzip"})
        assert (answer.status_code, list(answer.json())) == (415, [route.key]), route.url
        assert route.post(b"", **{"Content-Encoding": "identity"}).status_code == 400


@pytest.mark.parametrize("chunked", [False, True])
def test_every_route_refuses_more_than_1_mib(routes: list[Route], *, chunked: bool) -> None:
    for route in routes:
        body = b" " * (MIB + 1)
        answer = route.post(iter([body]) if chunked else body)
        assert (answer.status_code, list(answer.json())) == (413, [route.key]), route.url


def test_every_route_judges_the_key_before_the_body(routes: list[Route]) -> None:
    for route in routes:
        answer = requests.post(route.url, b"{" * 100, headers={"Content-Encoding": "gzip"}, timeout=30)
        assert answer.status_code in {401, 403} or answer.json()["code"] == 403, route.url


def test_a_byte_order_mark_is_fine(routes: list[Route]) -> None:
    for route in routes:
        assert "order mark" not in route.post(b"\xef\xbb\xbf{}").text
    answer = routes[0].post(b'\xef\xbb\xbf{"leads": []}')
    assert (answer.status_code, answer.json()["success"]) == (200, True)


def test_a_request_holds_at_most_1000_rows(hub: Hub) -> None:
    partner, sender = hub.partner(rate_limit=5000), Sender(hub, hub.partner("squadiq"))
    refused = hub.post("/api/leads/partner-transfer", partner["key"], {"leads": [{}] * 1001})
    assert refused.status_code == 413
    assert "1000" in refused.json()["detail"]
    assert hub.post("/api/leads/partner-transfer", partner["key"], {"leads": [{}] * 1000}).status_code == 200
    for operation in ("create", "disable"):
        answer = sender.send(operation, [{"lead_id": number} for number in range(1001)])
        assert answer.status_code == 400
        assert "1000" in answer.json()["detail"]
        assert len(answer.json()["errors"]) == 1


def test_a_row_has_at_most_64_kib(hub: Hub, routes: list[Route]) -> None:
    large = "x" * 64 * 1024
    transfer = {"leads": [{"name": "Ann Lee", "phone": hub.number(), "note": large}]}
    assert hub.post("/api/leads/partner-transfer", hub.partner()["key"], transfer).status_code == 413
    sender = Sender(hub, hub.partner("squadiq"))
    rows = [sender.lead("small"), sender.lead("large", note=large)]
    [error] = sender.send("create", rows).json()["errors"]
    assert (error["index"], error["lead_id"], "65536" in error["message"]) == (1, "large", True)
    for route in routes[1:]:
        if "report" in route.url or "/api/v4" in route.url:
            continue
        answer = route.post(json.dumps({"note": large}).encode())
        assert (answer.status_code, list(answer.json())) == (400, [route.key]), route.url
        assert "65536" in answer.text
    [report] = [route for route in routes if "report" in route.url]
    outcomes = {"outcomes": [{"id": 1, "token": 1, "outcome": "answered", "responses": {"note": large}}, {"id": 2}]}
    results = report.post(json.dumps(outcomes).encode()).json()["results"]
    assert [result["status"] for result in results] == [400, 400]
    assert "65536" in results[0]["detail"]


def test_a_list_of_errors_ends_at_its_limit(hub: Hub) -> None:
    sender = Sender(hub, hub.partner("squadiq"))
    answer = sender.send("create", [{} for _ in range(1000)]).json()
    assert len(answer["errors"]) == 1000
    assert answer["detail"] == "row 0: lead_id is required. There are at least 999 more errors."


@pytest.mark.parametrize("number", ["9223372036854775808", "-9223372036854775809", "9" * 400, "9" * 5000])
def test_a_number_beyond_a_bigint_is_a_clear_400(routes: list[Route], number: str) -> None:
    for route in routes:
        if "/v1/dialer" in route.url:
            for body in ('{"calls":[{"id":%s,"token":1}]}', '{"token":%s,"outcome":"answered"}', '{"max":%s}'):
                assert route.post((body % number).encode()).status_code == 400
    base = routes[-1].url.replace("calls/1/", f"calls/{number}/")
    answer = requests.post(base, b'{"token":1,"outcome":"answered"}', headers=routes[-1].headers, timeout=30)
    assert answer.status_code == 400


def test_the_request_id_is_the_hubs_own_and_the_callers_is_only_echoed(hub: Hub) -> None:
    partner = hub.partner("leanpub")
    given = "john.smith@example.com"
    body: dict[str, Any] = {
        "partnerId": partner["partner_id"],
        "origin": partner["origin"],
        "productId": partner["product_id"],
        "recipient": {"firstName": "John", "lastName": "Smith", "email": given},
    }
    headers = {"x-api-key": partner["key"], "X-Request-Id": given}
    answer = requests.post(f"{hub.url}/api/v2/PartnerDiscountRequest", json=body, headers=headers, timeout=30)
    own = answer.headers["X-Request-Id"]
    assert (answer.headers["X-Correlation-Id"], bool(re.fullmatch("[0-9a-f]{32}", own))) == (given, True)
    assert (answer.json()["code"], answer.json()["requestId"]) == (0, own)
    assert hub.query("SELECT request_id FROM submission WHERE partner_id = $1", partner["id"]) == [(own,)]
    assert hub.query("SELECT public_id FROM discount WHERE partner_id = $1", partner["id"]) == [(own,)]
    assert all(given not in log.read_text(encoding="utf-8") for log in hub.logs.glob("*.log"))
