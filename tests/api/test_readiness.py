"""`/readyz` of the API: what is late is said, and requests are answered all the same."""

from pathlib import Path

import requests

from tests.support.dialing import eventually
from tests.support.stack import Hub, environment, running_api


def test_an_api_without_workers_is_ready_and_says_what_is_late(
    database: str, temporal_address: str, tmp_path: Path
) -> None:
    with running_api(environment(database, temporal_address), tmp_path) as url:
        ready = requests.get(f"{url}/readyz", timeout=10)
        metrics = requests.get(f"{url}/metrics", timeout=10).text
    assert (ready.status_code, ready.json()) == (200, {"database": "ok", "temporal": "ok", "late": ["workers"]})
    assert 'hub_workers{role="leads"} 0.0' in metrics
    assert 'hub_checks{level="wrong"} 4.0' in metrics


def test_workers_that_are_at_work_are_not_late(hub: Hub) -> None:
    eventually(lambda: "workers" not in requests.get(f"{hub.url}/readyz", timeout=10).json()["late"])
