"""`hub worker --health-port`: whether the process runs, and whether it can work."""

import os
import socket
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import requests

from infra import http
from infra.ports import HOST, free_port
from infra.processes import Service
from tests.support.dialing import eventually
from tests.support.servers import Databases, running
from tests.support.stack import environment, worker_service


def test_a_worker_is_ready_while_it_can_work(databases: Databases, temporal_address: str, tmp_path: Path) -> None:
    database = databases.fresh()

    def worker() -> Service:
        service, port = worker_service(environment(database, temporal_address), "discounts"), free_port()
        ready = partial(http.answers, f"http://{HOST}:{port}/readyz")
        argv = (*service.argv, "--health-port", str(port))
        return replace(service, argv=argv, ready=ready, ports=(*service.ports, port))

    with running(worker, tmp_path) as service:
        url = f"http://{HOST}:{service.ports[1]}"
        ready = requests.get(f"{url}/readyz", timeout=10).json()
        assert ready == {"database": "ok", "temporal": "ok", "polling": "ok"}
        assert requests.get(f"{url}/metrics", timeout=10).status_code == 404
        with socket.create_connection((HOST, service.ports[1])) as slow:
            slow.sendall(b"GET /readyz")  # and no more: others are answered all the same
            assert http.answers(f"{url}/readyz")
        databases.drop(database)
        eventually(lambda: requests.get(f"{url}/readyz", timeout=10).status_code == 503)
        assert requests.get(f"{url}/readyz", timeout=10).json()["database"] == "InvalidCatalogNameError"
        assert requests.get(f"{url}/healthz", timeout=10).json() == {"status": "ok"}


def test_a_port_that_is_taken_is_named(database: str, temporal_address: str) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = str(taken.getsockname()[1])
        argv = (sys.executable, "-m", "cli", "worker", "--role", "discounts", "--health-port", port)
        env = {**os.environ, **environment(database, temporal_address)}
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 78
    assert f"--health-port: can't listen on {HOST}:{port}" in done.stderr
