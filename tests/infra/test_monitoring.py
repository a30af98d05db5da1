"""Alert rules and dashboard name what a running hub exposes; its logs have each step of a lead, and nothing else."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from pytest_httpserver import HTTPServer

from tests.support.dialing import Dialer, eventually
from tests.support.stack import Hub

MONITORING = Path(__file__).parents[2] / "infra" / "monitoring"
RULES = MONITORING / "alerts.yml"
NAME = re.compile(r"\b(?:hub|temporal)_[a-z0-9_]+\b")
SAMPLE = re.compile(r"^([a-z_]+)(?:\{(.*)\})? ([^ ]+)$", re.MULTILINE)
LABEL = re.compile(r'([a-z_]+)="([^"]*)"')


@pytest.fixture(scope="module")
def worked(hub: Hub) -> dict[str, Any]:
    """What became of one lead by every step of it: submitted, dialled, reported, its partner notified."""
    with HTTPServer(host="127.0.0.1") as receiver:
        receiver.expect_request("/hook").respond_with_data("ok")
        partner = hub.partner()
        dialer = Dialer(hub, partner)
        endpoint = hub.endpoint(partner["id"], receiver.url_for("/hook"), "lead.processed")
        lead = {"name": "Ann Lee", "phone": hub.number()}
        rows = {"leads": [lead, {"name": "nobody"}]}
        answer = hub.post("/api/leads/partner-transfer", partner["key"], rows)
        hub.post("/api/leads/partner-transfer", partner["key"], {"nothing": "of use"})
        [call] = dialer.lease()
        dialer.report(call, "interested")
        eventually(lambda: len(receiver.log) == 1)
    request = answer.headers["X-Request-Id"]
    return {"partner": partner["id"], "dialer": dialer.id, "endpoint": endpoint["id"], "call": call, "request": request}


def scrape(url: str) -> list[tuple[str, dict[str, str], float]]:
    found = SAMPLE.findall(requests.get(url, timeout=10).text)
    return [(name, dict(LABEL.findall(labels)), float(value)) for name, labels, value in found]


def value(url: str, name: str, **labels: object) -> float:
    """The sum of the samples of this name with these labels."""
    wanted = {label: str(text) for label, text in labels.items()}.items()
    return sum(number for found, has, number in scrape(url) if found == name and wanted <= has.items())


def lines(hub: Hub) -> list[dict[str, Any]]:
    """What API and worker have logged."""
    logs = [*hub.logs.glob("api-*.log"), *hub.logs.glob("worker-*.log")]
    return [json.loads(line) for log in logs for line in log.read_text().splitlines()]


def expressions() -> Iterator[str]:
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for panel in json.loads((MONITORING / "dashboard.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def test_rules_and_dashboard_name_what_the_hub_exposes(hub: Hub, worked: dict[str, Any]) -> None:
    named = {name for expression in expressions() for name in NAME.findall(expression)}

    def missing() -> set[str]:
        return named - {name for url in (hub.url + "/metrics", hub.worker_metrics) for name, _, _ in scrape(url)}

    eventually(lambda: not missing())
    assert len(named) > 20


def test_prometheus_takes_the_rules(tmp_path: Path, hub: Hub) -> None:
    if (promtool := shutil.which("promtool")) is None:
        pytest.skip("promtool is not installed here")
    done = subprocess.run((promtool, "check", "rules", str(RULES)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_results_and_refusals_are_counted_by_api_and_partner(hub: Hub, worked: dict[str, Any]) -> None:
    mine = {"api": "partner_api", "partner": worked["partner"]}
    assert value(hub.url + "/metrics", "hub_partner_requests_total", **mine, status=200) == 1
    assert value(hub.url + "/metrics", "hub_partner_requests_total", **mine, status=400) == 1
    for result in ("created", "refused"):
        assert value(hub.worker_metrics, "hub_rows_total", **mine, result=result) == 1


def test_steps_and_attempts_are_counted(hub: Hub, worked: dict[str, Any]) -> None:
    assert value(hub.worker_metrics, "hub_attempts_total", verdict="delivered") >= 1
    eventually(lambda: value(hub.worker_metrics, "hub_lead_steps_total", stage="done") >= 1)
    assert value(hub.worker_metrics, "hub_lead_steps_total", stage="calling") >= 1


def test_durations_of_the_sdk_are_in_seconds(hub: Hub, worked: dict[str, Any]) -> None:
    name = "temporal_workflow_task_execution_latency"
    total, count = (value(hub.worker_metrics, f"{name}_{part}") for part in ("sum", "count"))
    assert 0 < total / count < 1  # in milliseconds it would be more


def test_every_line_is_json_and_each_step_and_attempt_has_one(hub: Hub, worked: dict[str, Any]) -> None:
    request, call = worked["request"], worked["call"]

    def logged() -> dict[str, dict[str, Any]]:
        mine = [line for line in lines(hub) if line.get("request_id") == request]
        return {line.get("stage") or line.get("verdict") or line["event"]: line for line in mine}

    eventually(lambda: {"request", "calling", "done", "delivered"} <= logged().keys())
    assert (logged()["calling"]["lead"], logged()["calling"]["call"]) == (call["lead_id"], call["id"])
    assert (logged()["delivered"]["endpoint"], logged()["delivered"]["lead"]) == (worked["endpoint"], call["lead_id"])


def test_an_activity_that_raises_is_one_line_without_its_text(hub: Hub) -> None:
    partner = hub.partner()
    Dialer(hub, partner)
    late = {"leads": [{"name": "Ann Lee", "phone": hub.number(), "call_delay_minutes": 60}]}
    hub.post("/api/leads/partner-transfer", partner["key"], late)
    [(lead,)] = hub.query("UPDATE lead SET state = 'ann lee' WHERE partner_id = $1 RETURNING id", partner["id"])
    hub.query("INSERT INTO outbox (kind, ref) VALUES ('wake_lead', $1)", lead)

    def logged() -> list[dict[str, Any]]:
        failures = [line for line in lines(hub) if line["event"] == "activity failed"]
        return [line for line in failures if line["workflow"] == hub.lead_workflow(lead)]

    eventually(lambda: bool(logged()))
    assert (logged()[0]["activity"], logged()[0]["failure"]) == ("advance", "ValueError")
    assert "hub/store/lead_rows.py" in logged()[0]["at"]
    assert not any("ann lee" in json.dumps(line) for line in lines(hub))
