"""`hub api` and `hub worker` with several processes each."""

import os
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import requests

from infra.ports import HOST, free_port, is_open
from infra.processes import Service, run_on_free_ports, stop
from tests.support.stack import api_service, environment, running_api, worker_service


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.fixture
def env(database: str, temporal_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr(tempfile, "tempdir", None)
    return environment(database, temporal_address, TMPDIR=str(tmp_path))


def test_metrics_are_the_sum_of_all_api_processes_and_leave_nothing_behind(env: dict[str, str], tmp_path: Path) -> None:
    with running_api(env, tmp_path, workers=2) as url:
        for _ in range(20):  # each by a connection of its own, so that both processes get some
            requests.get(f"{url}/healthz", timeout=5)
        for _ in range(5):
            metrics = requests.get(f"{url}/metrics", timeout=5).text
            assert 'hub_http_requests_total{route="/healthz",status="200"} 20.0' in metrics
        assert list(tmp_path.glob("hub-metrics-*"))
    assert not list(tmp_path.glob("hub-metrics-*"))


def test_an_api_process_that_dies_is_replaced_while_the_other_answers(env: dict[str, str], tmp_path: Path) -> None:

    def api() -> Service:
        return api_service(env, free_port(), workers=2)

    process, service = run_on_free_ports(api, tmp_path / "api.log")
    try:
        url = f"http://{HOST}:{service.ports[0]}"
        parent = psutil.Process(process.pid)
        first = parent.children()[0]
        first.kill()
        eventually(lambda: first not in parent.children() and len(parent.children()) == 2)
        assert requests.get(f"{url}/healthz", timeout=15).ok
    finally:
        stop(process, service)


@pytest.mark.parametrize("kind", ["api", "worker"])
def test_processes_do_not_outlive_their_killed_parent(env: dict[str, str], tmp_path: Path, kind: str) -> None:
    def choose() -> Service:
        if kind == "api":
            return api_service(env, free_port(), workers=2)
        service = worker_service(env, "intake")
        return replace(service, argv=(*service.argv, "--processes", "2"))

    process, service = run_on_free_ports(choose, tmp_path / "log")
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) == 2
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    eventually(lambda: all(gone(child) for child in children))
    assert not is_open(service.ports[0])
