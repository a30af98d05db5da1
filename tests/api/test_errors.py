"""Failures that are the hub's own: each API answers in its own form, and the logs tell no values."""

import json
from pathlib import Path

import requests

from tests.support.management import PROBLEM
from tests.support.servers import Databases
from tests.support.stack import alive_api

TRANSFER = "/api/leads/partner-transfer"
DISCOUNT = "/api/v2/PartnerDiscountRequest"
NUMBER = "+442079460123"


def test_without_its_database_the_api_answers_503_and_logs_no_values(databases: Databases, tmp_path: Path) -> None:
    url = databases.fresh()
    with alive_api(url, "127.0.0.1:1", tmp_path) as hub:
        key, leanpub = hub.partner()["key"], hub.partner("leanpub")["key"]
        assert hub.post(TRANSFER, key, {}).status_code == 400
        databases.drop(url)
        for _ in range(2):  # by the connection that was cut, then by a new one
            answer = hub.post(TRANSFER, key, {"leads": [{"name": "Ann Lee", "phone": NUMBER}]})
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
            assert "database" in answer.json()["detail"]
        managed = requests.get(hub.url + "/v1/partner/leads", headers={"X-API-Key": key}, timeout=30)
        assert (managed.status_code, managed.headers["Retry-After"]) == (503, "5")
        assert (managed.headers["Content-Type"], managed.json()["status"]) == (PROBLEM, 503)
        refused = hub.post(DISCOUNT, leanpub, {"recipient": {"firstName": "Ann Lee"}}).json()
        assert refused["code"] == 501
        ready = requests.get(f"{hub.url}/readyz", timeout=10)
        assert (ready.status_code, ready.json()["database"]) == (503, "InvalidCatalogNameError")
    log = next(tmp_path.glob("alive-*.log")).read_text()
    failures = [line for line in log.splitlines() if '"database"' in line and '"failure"' in line]
    assert {json.loads(line)["failure"] for line in failures} >= {"InvalidCatalogNameError"}
    for value in (NUMBER, "Ann Lee", key, key.split("_")[2], "SELECT"):
        assert not any(value in line for line in failures)
    assert "Traceback" not in log
