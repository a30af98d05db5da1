"""The whole wire against its own description: Schemathesis finds inputs, the hub must answer as /openapi.json says."""

from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from tests.support.management import operator
from tests.support.servers import Databases
from tests.support.stack import Hub, environment, running_api

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance]
METHODS = ("get", "post", "patch", "put", "delete")
LIMIT = 1_000_000
MANAGEMENT_EXAMPLES = 5  # they are many, and alike
OPERATORS, PARTNERS = "Operators", "Partner"


@pytest.fixture(scope="module")
def description(hub: Hub) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(hub.url + "/openapi.json", timeout=30).json()
    return found


@pytest.fixture(scope="module")
def squadiq(hub: Hub) -> dict[str, Any]:
    return hub.partner("squadiq", rate_limit=LIMIT)


@pytest.fixture(scope="module")
def campaign(squadiq: dict[str, Any]) -> str:
    return str(squadiq["campaign_id"])


@pytest.fixture(scope="module")
def keys(hub: Hub, squadiq: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The headers of each part of the wire, by how its paths start; the longest that fits counts."""
    partners = {api: hub.partner(api, rate_limit=LIMIT) for api in ("partner_api", "margav", "comunik8", "leanpub")}
    return {
        "/api/leads/partner-transfer": {"X-API-Key": partners["partner_api"]["key"]},
        "/api/leads/from-dialer": {"X-Dialer-Api-Key": partners["margav"]["key"]},
        "/lead/": {"X-API-Key": partners["comunik8"]["key"]},
        "/api/v4/": {"Authorization": f"Bearer {squadiq['token']}"},
        "/api/v2/": {"x-api-key": partners["leanpub"]["key"]},
        "/v1/dialer/": {"Authorization": f"Bearer {hub.dialer_key()}"},
        "/": {},
    }


def headers_for(keys: dict[str, dict[str, str]], path: str) -> dict[str, str]:
    return keys[max((start for start in keys if path.startswith(start)), key=len)]


def test_no_input_gets_an_answer_that_is_not_described(
    hub: Hub, keys: dict[str, dict[str, str]], campaign: str
) -> None:
    for operation in _operations(hub):
        if PARTNERS in operation.tags:  # one each, as each may ask only so often
            _try(operation, {"Authorization": f"Bearer {hub.partner('margav')['key']}"}, campaign, MANAGEMENT_EXAMPLES)
        elif OPERATORS not in operation.tags:
            _try(operation, headers_for(keys, operation.path), campaign)


def test_no_operators_input_does_either(databases: Databases, temporal_address: str, tmp_path: Path) -> None:
    """On a database apart: with an operator's key any tenant's ids work."""
    env = environment(databases.fresh(), temporal_address)
    with running_api(env, tmp_path) as url:
        apart = Hub(url, env["DATABASE_URL"], temporal_address, env, tmp_path)
        headers = {"Authorization": f"Bearer {operator(apart).key}"}
        for operation in _operations(apart):
            if OPERATORS in operation.tags:
                _try(operation, headers, "none", MANAGEMENT_EXAMPLES)


def _operations(hub: Hub) -> list[Any]:
    schema = schemathesis.openapi.from_url(hub.url + "/openapi.json")
    found = [each.ok() for each in schema.get_all_operations()]
    assert found
    return found


def _try(operation: Any, headers: dict[str, str], campaign: str, examples: int = 25) -> None:
    @settings(
        max_examples=examples, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.data())
    def run(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy())
        if "campaign_id" in (case.path_parameters or {}):
            case.path_parameters["campaign_id"] = campaign
        if isinstance(case.body, dict) and "wait_seconds" in case.body:
            case.body["wait_seconds"] = 0
        answer = case.call_and_validate(headers=headers, checks=CHECKS, timeout=30)
        assert not headers or answer.status_code != 401

    run()


def test_every_operation_says_what_it_does(description: dict[str, Any]) -> None:
    silent = [
        (method, path)
        for path, item in description["paths"].items()
        for method in METHODS
        if method in item and not (item[method].get("summary") and item[method].get("description"))
    ]
    assert silent == []


def test_every_partners_example_works(hub: Hub, keys: dict[str, dict[str, str]], description: dict[str, Any]) -> None:
    tried = []
    for path, item in description["paths"].items():
        if "post" not in item or path.startswith(("/v1/", "/agent-dashboard")) or "{" in path:
            continue
        example = item["post"]["requestBody"]["content"]["application/json"]["example"]
        if path.startswith("/api/v2/"):
            [(example["partnerId"],)] = hub.query(
                "SELECT public_id FROM partner WHERE api = 'leanpub' ORDER BY id DESC LIMIT 1"
            )
        answer = requests.post(hub.url + path, json=example, headers=headers_for(keys, path), timeout=30)
        tried.append((path, answer.status_code, answer.json().get("code", 0)))
    assert len(tried) >= 4
    assert [row for row in tried if row[1] not in (200, 201) or row[2] != 0] == []
