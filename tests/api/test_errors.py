"""Failures that are the hub's own: each API answers in its own form, and the logs tell no values."""

import json
from functools import partial
from pathlib import Path

import requests

from infra import http
from infra.ports import HOST, free_port
from infra.processes import Service, run_until_ready, stop
from tests.support.servers import Databases
from tests.support.stack import Hub, api_service, environment

TRANSFER = "/api/leads/partner-transfer"
DISCOUNT = "/api/v2/PartnerDiscountRequest"
NUMBER = "+442079460123"


def test_without_its_database_the_api_answers_503_and_logs_no_values(databases: Databases, tmp_path: Path) -> None:
    url, port = databases.fresh(), free_port()
    env = environment(url, "127.0.0.1:1")
    started = api_service(env, port)
    answering = partial(http.answers, f"http://{HOST}:{port}/healthz")
    service = Service(name="api", argv=started.argv, ready=answering, env=started.env)
    log = tmp_path / "api.log"
    process = run_until_ready(service, log)
    try:
        hub = Hub(f"http://{HOST}:{port}", url, "127.0.0.1:1", env, tmp_path)
        key, leanpub = hub.partner()["key"], hub.partner("leanpub")["key"]
        assert hub.post(TRANSFER, key, {}).status_code == 400
        databases.drop(url)
        for _ in range(2):  # by the connection that was cut, then by a new one
            answer = hub.post(TRANSFER, key, {"leads": [{"name": "Ann Lee", "phone": NUMBER}]})
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
            assert "database" in answer.json()["detail"]
        refused = hub.post(DISCOUNT, leanpub, {"recipient": {"firstName": "Ann Lee"}}).json()
        assert refused["code"] == 501
        ready = requests.get(f"{hub.url}/readyz", timeout=10)
        assert (ready.status_code, ready.json()["database"]) == (503, "InvalidCatalogNameError")
    finally:
        stop(process, service)
    failures = [line for line in log.read_text().splitlines() if '"database"' in line and '"failure"' in line]
    assert {json.loads(line)["failure"] for line in failures} >= {"InvalidCatalogNameError"}
    for value in (NUMBER, "Ann Lee", key, key.split("_")[2], "SELECT"):
        assert not any(value in line for line in failures)
    assert "Traceback" not in log.read_text()
