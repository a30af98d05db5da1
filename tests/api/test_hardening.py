"""Whatever is sent: a clear 4xx in the API's own form, never a 500, nothing stored."""

import json
from collections.abc import Iterator

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.phones import Grade, parse
from tests.support.stack import Hub

PATH = "/api/leads/partner-transfer"
DEEP = b'{"leads":' + b"[" * 40 + b"]" * 40 + b"}"
BAD = {
    "empty": b"",
    "not JSON": b"leads",
    "not UTF-8": b'{"leads": ["\xff"]}',
    "NaN": b'{"leads": [NaN]}',
    "overflow": b'{"leads": [1e999]}',
    "doubled key": b'{"leads": [], "leads": []}',
    "lone surrogate": b'{"leads": ["\\ud800"]}',
    "NUL": b'{"leads": ["\\u0000"]}',
    "deep": DEEP,
    "huge integer": b'{"leads": [' + b"9" * 5000 + b"]}",
    "array": b"[]",
    "no leads": b"{}",
    "leads no array": b'{"leads": {}}',
}


@pytest.fixture(scope="module")
def partner(hub: Hub) -> dict[str, str]:
    return hub.partner(rate_limit=1_000_000)


def send(hub: Hub, key: str, body: bytes | Iterator[bytes]) -> requests.Response:
    return requests.post(hub.url + PATH, data=body, headers={"X-API-Key": key}, timeout=30)


@pytest.mark.parametrize("what", BAD)
def test_a_bad_body_is_refused_before_anything_is_stored(hub: Hub, partner: dict[str, str], what: str) -> None:
    before = hub.query("SELECT count(*) FROM submission WHERE partner_id = $1 AND weight > 0", partner["id"])
    answer = send(hub, partner["key"], BAD[what])
    assert answer.status_code == 400
    assert isinstance(answer.json()["detail"], str)
    assert hub.query("SELECT count(*) FROM submission WHERE partner_id = $1 AND weight > 0", partner["id"]) == before


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_1_mib_is_413(hub: Hub, partner: dict[str, str], *, chunked: bool) -> None:
    body = b'{"leads": [' + b" " * (1024 * 1024) + b"]}"
    answer = send(hub, partner["key"], iter([body]) if chunked else body)
    assert (answer.status_code, set(answer.json())) == (413, {"detail"})


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["name", "phone", "email", "leads"]) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(values, max_size=4))
def test_any_rows_are_answered_row_by_row(hub: Hub, partner: dict[str, str], rows: list[object]) -> None:
    body = json.dumps({"leads": rows}).encode()
    answer = send(hub, partner["key"], body)
    assert answer.status_code in {200, 400}
    if answer.status_code == 200:
        said = answer.json()
        assert said["created"] + said["skipped"] + said["failed"] == said["total_submitted"] == len(rows)


@pytest.mark.parametrize("path", ["/api/leads/partner-transfer", "/api/leads/partner-transfer/"])
def test_a_path_answers_with_and_without_its_slash(hub: Hub, path: str) -> None:
    answer = requests.post(hub.url + path, json={}, allow_redirects=False, timeout=30)
    assert answer.status_code == 401


def test_the_documentation_works_offline_with_an_example_that_is_dialled(hub: Hub) -> None:
    page = requests.get(hub.url + "/docs", timeout=30).text
    assert "https://" not in page.replace("https://fastapi", "")
    described = requests.get(hub.url + "/openapi.json", timeout=30).json()
    body = described["paths"]["/api/leads/partner-transfer"]["post"]["requestBody"]["content"]["application/json"]
    assert parse(body["example"]["leads"][0]["phone"], None).grade is Grade.VALID
