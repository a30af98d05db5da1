"""Which key opens which management route, and what the others are told."""

import re

import pytest
import requests

from api.request_limit import MOST_REQUESTS, RequestLimit
from hub.contracts import registry
from hub.errors import RateLimited
from tests.support.command import run_command
from tests.support.management import Client, operator, partner, routes, without_request_id
from tests.support.stack import Hub


def test_each_route_opens_to_its_own_kind_of_key_alone(hub: Hub) -> None:
    admin, own, dialer = operator(hub).key, partner(hub, hub.partner()).key, hub.dialer_key()
    found = routes(hub)
    assert len(found) >= 6
    for method, path, operation in found:
        theirs = path.startswith("/v1/partner/") or path == "/v1/partner"
        assert operation["tags"] == ["Partner" if theirs else "Operators"]
        # Neither the path's ids nor the query nor the body are looked at before the key.
        url = hub.url + re.sub(r"{\w+}", "x", path)
        for key in (None, "junk", dialer, admin if theirs else own):
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            answer = requests.request(method, url, params={"x": "y"}, data=b"{", headers=headers, timeout=30)
            assert answer.status_code == 401, (method, path, key)
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert without_request_id(answer)["detail"] == "Invalid API key"


def test_a_read_only_key_reads_and_changes_nothing(hub: Hub) -> None:
    reader = operator(hub, read_only=True)
    assert reader.get("/partners", limit=1)["data"]
    for method, path, _ in routes(hub):
        if method == "GET" or path.startswith("/v1/partner") or path.endswith(("/search", "/check")):
            continue
        answer = reader(method, re.sub(r"{\w+}", "1", path.removeprefix("/v1")))
        assert (answer.status_code, "--read-only" in answer.json()["detail"]) == (403, True), (method, path)
    done = run_command("key", "create", "--partner", "1", "--read-only", env=hub.env)
    assert (done.returncode, "--admin" in done.stderr) == (2, True)


@pytest.mark.parametrize("api", registry.PARTNER_APIS, ids=registry.names())
def test_a_partners_key_opens_its_own_where_its_api_has_it_or_as_a_bearer(hub: Hub, api: registry.PartnerApi) -> None:
    made = hub.partner(api.name, rate_limit=77)
    own = partner(hub, made)
    bearer = api.key_header == "Authorization"
    headers = {api.key_header: f"Bearer {own.key}" if bearer else own.key}
    for sent in (headers, {"Authorization": f"Bearer {own.key}"}):
        answer = requests.get(hub.url + "/v1/partner", headers=sent, timeout=30)
        assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["id"], told["api"], told["key_id"]) == (made["id"], api.name, own.key.split("_")[2])
    assert told["limits"] == {"api": 77, "management": MOST_REQUESTS}
    in_query = requests.get(hub.url + "/v1/partner", params={"key": own.key}, timeout=30)
    assert in_query.status_code == 401


def test_a_disabled_partner_is_told_so(hub: Hub) -> None:
    made = hub.partner()
    hub.query("UPDATE partner SET disabled_at = now() WHERE id = $1", made["id"])
    answer = partner(hub, made)("GET", "")
    assert (answer.status_code, "disabled" in without_request_id(answer)["detail"]) == (403, True)


def test_a_partner_that_asks_too_often_is_told_when_to_come_back_and_others_are_not(hub: Hub) -> None:
    busy, calm = hub.partner(), hub.partner()
    with requests.Session() as session:
        headers = {"Authorization": f"Bearer {busy['key']}"}
        for _ in range(MOST_REQUESTS + 1):
            answer = session.get(hub.url + "/v1/partner", headers=headers, timeout=30)
            if answer.status_code == 429:
                break
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert without_request_id(answer)["title"] == "Too Many Requests"
    assert partner(hub, calm).get("")["id"] == calm["id"]
    submitted = hub.post("/api/leads/partner-transfer", busy["key"], {"leads": []})
    assert submitted.status_code == 200, "its API has a limit of its own"


def test_the_window_of_the_limit_rolls_and_refusals_do_not_count() -> None:
    clock = iter([0.0, 30.0, 30.0, 59.0, 59.5, 60.0, 60.0])
    limit = RequestLimit(2, lambda: next(clock))
    limit.count(1)
    limit.count(1)
    limit.count(2)
    for _ in range(2):
        with pytest.raises(RateLimited) as refused:
            limit.count(1)
        assert refused.value.retry_after == 1
    limit.count(1)
    with pytest.raises(RateLimited) as refused:
        limit.count(1)
    assert refused.value.retry_after == 30


@pytest.mark.parametrize(
    ("method", "path", "status", "field"),
    [
        ("GET", "/nothing", 404, None),
        ("DELETE", "/partners", 405, None),
        ("GET", "/partners?limit=0", 400, "limit"),
        ("GET", "/partners?limit=9999999999999999999999", 400, "limit"),
        ("GET", "/partners?limit=many", 400, "limit"),
        ("GET", "/partners?colour=red", 400, "colour"),
        ("GET", "/partners?cursor=%00", 400, "cursor"),
        ("GET", "/partners?cursor=MA", 400, "cursor"),
        ("GET", "/audit?partner_id=9223372036854775808", 400, "partner_id"),
        ("GET", "/audit?action=%00", 400, "action"),
        ("POST", "/leads/1/erase?really=yes", 400, "really"),
        ("POST", "/leads/one/erase", 400, "lead_id"),
        ("POST", "/leads/9223372036854775808/erase", 404, None),
        ("POST", "/leads/0/erase", 404, None),
        ("POST", "/discounts/%00/erase", 404, None),
        ("POST", "/discounts/none/erase", 404, "request_id"),
    ],
)
def test_a_problem_says_what_is_wrong_and_where(
    admin: Client, method: str, path: str, status: int, field: str | None
) -> None:
    problem = without_request_id(admin(method, path))
    assert (problem["status"], problem["type"], problem.get("field")) == (status, "about:blank", field)
    assert field is None or problem["detail"].startswith(f"{field}: ")
    assert problem["title"]


def test_what_no_body_may_be_is_refused_before_anything_is_done(hub: Hub, admin: Client) -> None:
    unread: dict[str, tuple[bytes, dict[str, str], int]] = {
        "compressed": (b"{}", {"Content-Encoding": "gzip"}, 415),
        "large": (b" " * (1024 * 1024 + 1), {}, 413),
        "doubled": (b'{"a": 1, "a": 2}', {}, 400),
        "unknown": (b'{"colour": "red"}', {}, 400),
    }
    for method, path, operation in routes(hub):
        if method == "GET" or operation["tags"] != ["Operators"]:
            continue
        for what, (body, headers, status) in unread.items():
            answer = admin(method, re.sub(r"{\w+}", "1", path.removeprefix("/v1")), data=body, headers=headers)
            assert answer.status_code == status, (what, method, path, answer.text)
    assert admin.get("/audit", actor=f"operator:{admin.key.split('_')[2]}")["data"] == []


@pytest.fixture(scope="module")
def admin(hub: Hub) -> Client:
    return operator(hub)
