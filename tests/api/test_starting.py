"""An API that starts before its database or Temporal: it answers 503 until they are there, and needs no restart."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import requests

from infra import http, postgres, temporal, temporal_binary
from infra.migrations import upgrade
from infra.ports import HOST, free_port
from infra.processes import run_until_ready, stop
from tests.support.dialing import eventually
from tests.support.stack import Hub, api_service, environment, worker_service

TRANSFER = "/api/leads/partner-transfer"
AWAY = "127.0.0.1:1"


@contextmanager
def alive(database: str, temporal_address: str, folder: Path) -> Iterator[Hub]:
    """An API that has only to be alive, not ready."""
    port, env = free_port(), environment(database, temporal_address)
    service = replace(api_service(env, port), ready=partial(http.answers, f"http://{HOST}:{port}/healthz"))
    process = run_until_ready(service, folder / "api.log")
    try:
        yield Hub(f"http://{HOST}:{port}", database, temporal_address, env, folder)
    finally:
        stop(process, service)


def leads(hub: Hub) -> dict[str, object]:
    return {"leads": [{"name": "Ann Lee", "phone": hub.number()} for _ in range(2)]}


@pytest.mark.parametrize("rows", [1, 2])
def test_without_temporal_from_the_start_answers_are_503_until_it_is_there(
    database: str, tmp_path: Path, rows: int
) -> None:
    server = temporal.DevServer(free_port(), free_port(), free_port())
    service = temporal.service(server, temporal_binary.find_or_get())
    with alive(database, server.address, tmp_path) as hub:
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
        process = run_until_ready(service, tmp_path / "temporal.log")
        worker = worker_service(hub.env)
        try:
            working = run_until_ready(worker, tmp_path / "worker.log")
            try:
                eventually(lambda: http.answers(f"{hub.url}/readyz"))
                assert hub.post(TRANSFER, key, body).json()["created"] == rows
            finally:
                stop(working, worker)
        finally:
            stop(process, service)


def test_without_its_database_from_the_start_answers_are_503_until_it_is_there(tmp_path: Path) -> None:
    cluster = postgres.Cluster(tmp_path / "postgres", free_port(), password="test")
    binaries = postgres.find_binaries()
    postgres.create(cluster, binaries)
    with alive(cluster.url(), AWAY, tmp_path) as hub:
        ready = requests.get(f"{hub.url}/readyz", timeout=10)
        assert (ready.status_code, ready.json()["database"]) == (503, "ConnectionRefusedError")
        service = postgres.service(cluster, binaries)
        process = run_until_ready(service, tmp_path / "postgres.log")
        try:
            upgrade(cluster.url())
            eventually(lambda: requests.get(f"{hub.url}/readyz", timeout=10).json()["database"] == "ok")
            assert hub.post(TRANSFER, hub.partner()["key"], {}).status_code == 400
        finally:
            stop(process, service)
    assert "Traceback" not in (tmp_path / "api.log").read_text()


async def test_readyz_names_the_search_attributes_that_temporal_lacks(database: str, tmp_path: Path) -> None:
    server = temporal.DevServer(free_port(), free_port(), free_port())
    service = temporal.service(server, temporal_binary.find_or_get())
    argv = _without_attributes(service.argv, "HubDialAt")
    bare = replace(service, argv=argv, ready=lambda: http.answers(f"{server.ui}/api/v1/namespaces/default"))
    process = await asyncio.to_thread(run_until_ready, bare, tmp_path / "temporal.log")
    try:
        with alive(database, server.address, tmp_path) as hub:
            ready = await asyncio.to_thread(requests.get, f"{hub.url}/readyz", timeout=10)
            assert ready.status_code == 503
            assert ready.json() == {
                "database": "ok",
                "temporal": "lacks the search attributes HubDialAt: run hub migrate",
            }
    finally:
        stop(process, bare)


def _without_attributes(argv: tuple[str, ...], name: str) -> tuple[str, ...]:
    at = next(n for n, word in enumerate(argv) if word.startswith(f"{name}="))
    return (*argv[: at - 1], *argv[at + 1 :])
