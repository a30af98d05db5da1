"""An API that starts before its database or Temporal: it answers 503 until they are there, and needs no restart."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import requests

from infra import http, postgres, temporal, temporal_binary
from infra.migrations import upgrade
from infra.ports import HOST, free_port
from infra.processes import Service
from tests.support.dialing import eventually
from tests.support.servers import running
from tests.support.stack import Hub, alive_api, running_worker

TRANSFER = "/api/leads/partner-transfer"
AWAY = "127.0.0.1:1"


def leads(hub: Hub) -> dict[str, object]:
    return {"leads": [{"name": "Ann Lee", "phone": hub.number()} for _ in range(2)]}


@pytest.mark.parametrize("rows", [1, 2])
def test_without_temporal_from_the_start_answers_are_503_until_it_is_there(
    database: str, tmp_path: Path, rows: int
) -> None:
    server = temporal.DevServer(free_port(), free_port(), free_port())
    service = temporal.service(server, temporal_binary.find_or_get())
    with alive_api(database, server.address, tmp_path) as hub:
        key, body = hub.partner()["key"], leads(hub)
        body["leads"] = list(body["leads"])[:rows]  # type: ignore[call-overload]
        refused = hub.post(TRANSFER, key, body)
        assert (refused.status_code, refused.headers.get("Retry-After")) == (503, "5")
        discount = hub.partner("leanpub")
        request = {
            "partnerId": discount["partner_id"],
            "origin": discount["origin"],
            "productId": discount["product_id"],
            "recipient": {"firstName": "Ann", "lastName": "Lee", "email": "ann@example.com"},
        }
        answer = requests.post(
            f"{hub.url}/api/v2/PartnerDiscountRequest",
            json=request,
            headers={"x-api-key": discount["key"]},
            timeout=30,
        )
        assert (answer.status_code, answer.json()["code"]) in {(200, 501), (503, 501)}
        with running(lambda: service, tmp_path), running_worker(hub.env, tmp_path):
            eventually(lambda: http.answers(f"{hub.url}/readyz"))
            assert hub.post(TRANSFER, key, body).json()["created"] == rows


def test_without_its_database_from_the_start_answers_are_503_until_it_is_there(tmp_path: Path) -> None:
    cluster = postgres.Cluster(tmp_path / "postgres", free_port(), password="test")
    binaries = postgres.find_binaries()
    postgres.create(cluster, binaries)
    with alive_api(cluster.url(), AWAY, tmp_path) as hub:
        ready = requests.get(f"{hub.url}/readyz", timeout=10)
        assert (ready.status_code, ready.json()["database"]) == (503, "ConnectionRefusedError")
        with running(lambda: postgres.service(cluster, binaries), tmp_path):
            upgrade(cluster.url())
            eventually(lambda: requests.get(f"{hub.url}/readyz", timeout=10).json()["database"] == "ok")
            assert hub.post(TRANSFER, hub.partner()["key"], {}).status_code == 400
    assert "Traceback" not in next(tmp_path.glob("alive-*.log")).read_text()


def test_readyz_names_the_search_attributes_that_temporal_lacks(database: str, tmp_path: Path) -> None:
    binary = temporal_binary.find_or_get()

    def bare() -> Service:
        server = temporal.DevServer(free_port(), free_port(), free_port())
        service = temporal.service(server, binary)
        answering = partial(http.answers, f"{server.ui}/api/v1/namespaces/default")
        return replace(service, argv=without_attribute(service.argv, "HubDialAt"), ready=answering)

    with (
        running(bare, tmp_path) as service,
        alive_api(database, f"{HOST}:{service.ports[0]}", tmp_path) as hub,
    ):
        ready = requests.get(f"{hub.url}/readyz", timeout=10)
        assert ready.status_code == 503
        lacking = "lacks the search attributes HubDialAt: run hub migrate"
        assert ready.json() == {"database": "ok", "temporal": lacking}


def without_attribute(argv: tuple[str, ...], name: str) -> tuple[str, ...]:
    at = next(n for n, word in enumerate(argv) if word.startswith(f"{name}="))
    return (*argv[: at - 1], *argv[at + 1 :])
