"""The console on a port of its own: there and nowhere else, and nothing else there."""

from dataclasses import replace
from pathlib import Path

import pytest
import requests

from infra.ports import HOST, free_port
from infra.processes import Service
from tests.support.servers import running
from tests.support.stack import Hub, api_service


@pytest.mark.parametrize("workers", [1, 2])
def test_the_console_is_on_its_port_alone(hub: Hub, tmp_path: Path, workers: int) -> None:
    def api() -> Service:
        console = free_port()
        service = api_service({**hub.env, "HUB_CONSOLE_PORT": str(console)}, free_port(), workers)
        return replace(service, ports=(*service.ports, console))

    with running(api, tmp_path) as service:
        public, console = (f"http://{HOST}:{port}" for port in service.ports)
        assert requests.get(f"{public}/console/sign-in", timeout=30).status_code == 404
        assert requests.get(f"{console}/console/sign-in", timeout=30).status_code == 200
        assert requests.get(f"{public}/portal/sign-in", timeout=30).status_code == 200
        assert requests.get(f"{console}/portal/sign-in", timeout=30).status_code == 404
        assert requests.get(f"{console}/docs", timeout=30).status_code == 404
        assert requests.get(f"{console}/healthz", timeout=30).status_code == 200
